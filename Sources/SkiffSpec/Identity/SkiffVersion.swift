/// Which skiff this is: the one place that says it, for all its programs.
public enum SkiffVersion {
  /// By Semantic Versioning.
  public static let text = "0.1.0"
  /// The OCI runtime specification that it follows.
  public static let runtimeSpecification = "1.3.0"
}
