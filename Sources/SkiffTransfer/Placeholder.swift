enum SkiffTransferPlaceholder {}
