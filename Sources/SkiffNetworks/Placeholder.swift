enum SkiffNetworksPlaceholder {}
