enum SkiffRuntimePlaceholder {}
