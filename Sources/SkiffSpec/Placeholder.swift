enum SkiffSpecPlaceholder {}
