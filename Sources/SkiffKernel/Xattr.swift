internal import CLinux

/// Limits of the kernel on extended attributes (xattr(7)).
package enum ExtendedAttributeLimits {
  /// Longest name (XATTR_NAME_MAX).
  package static let nameBytes = 255
  /// Largest value (XATTR_SIZE_MAX).
  package static let valueBytes = 65536
  /// Longest list of names (XATTR_LIST_MAX).
  package static let listBytes = 65536
}

// Extended attributes by descriptor. Where the handle is O_PATH, as it must be for a symbolic link or a device, the kernel
// refuses the f-calls; the calls named …OfHandle go through /proc/self/fd instead, which leads to the handle and no further.
extension Descriptor {
  /// The value of an attribute; nil when the file has none of that name (fgetxattr(2)).
  package func extendedAttribute(_ name: KernelPath) throws(Errno) -> [UInt8]? {
    let number = number
    return try attributeValue { buffer, size in
      name.withAddress { rawSystemCall(__NR_fgetxattr, number.register, $0, buffer, size) }
    }
  }

  /// Sets an attribute, new or not (fsetxattr(2)).
  package func setExtendedAttribute(_ name: KernelPath, _ value: [UInt8]) throws(Errno) {
    let number = number
    try checked(
      unsafe value.withUnsafeBytes { value in
        let address = UInt(bitPattern: value.baseAddress)
        let size = UInt(value.count)
        return name.withAddress { rawSystemCall(__NR_fsetxattr, number.register, $0, address, size, 0) }
      })
  }

  /// Removes an attribute; none of that name is ENODATA (fremovexattr(2)).
  package func removeExtendedAttribute(_ name: KernelPath) throws(Errno) {
    let number = number
    try checked(name.withAddress { rawSystemCall(__NR_fremovexattr, number.register, $0) })
  }

  /// The names of all attributes, in the file system's order (flistxattr(2)).
  package func extendedAttributeNames() throws(Errno) -> [KernelPath] {
    let number = number
    return try attributeNames { rawSystemCall(__NR_flistxattr, number.register, $0, $1) }
  }

  /// The value of an attribute of an O_PATH handle; nil when there is none (getxattr(2) on /proc/self/fd/N).
  package func extendedAttributeOfHandle(_ name: KernelPath) throws(Errno) -> [UInt8]? {
    let path = try KernelPath(path)
    return try attributeValue { buffer, size in
      path.withAddress { path in
        name.withAddress { rawSystemCall(__NR_getxattr, path, $0, buffer, size) }
      }
    }
  }

  /// Sets an attribute of an O_PATH handle (setxattr(2) on /proc/self/fd/N).
  package func setExtendedAttributeOfHandle(_ name: KernelPath, _ value: [UInt8]) throws(Errno) {
    let path = try KernelPath(path)
    try checked(
      unsafe value.withUnsafeBytes { value in
        let address = UInt(bitPattern: value.baseAddress)
        let size = UInt(value.count)
        return path.withAddress { path in
          name.withAddress { rawSystemCall(__NR_setxattr, path, $0, address, size, 0) }
        }
      })
  }

  /// The names of all attributes of an O_PATH handle (listxattr(2) on /proc/self/fd/N).
  package func extendedAttributeNamesOfHandle() throws(Errno) -> [KernelPath] {
    let path = try KernelPath(path)
    return try attributeNames { buffer, size in
      path.withAddress { rawSystemCall(__NR_listxattr, $0, buffer, size) }
    }
  }

  /// Asks for a value in a buffer that fits most, and once more in the largest that the kernel knows.
  private func attributeValue(_ ask: (UInt, UInt) -> Int) throws(Errno) -> [UInt8]? {
    for capacity in [256, ExtendedAttributeLimits.valueBytes] {
      var buffer = [UInt8](repeating: 0, count: capacity)
      let answer = unsafe buffer.withUnsafeMutableBytes {
        ask(UInt(bitPattern: $0.baseAddress), UInt($0.count))
      }
      if answer == -Int(rangeError) { continue }
      if answer == -Int(Errno.noData.code) { return nil }
      buffer.removeSubrange(try checked(answer)...)
      return buffer
    }
    throw Errno(rangeError)
  }

  private func attributeNames(_ ask: (UInt, UInt) -> Int) throws(Errno) -> [KernelPath] {
    for capacity in [1024, ExtendedAttributeLimits.listBytes] {
      var buffer = [UInt8](repeating: 0, count: capacity)
      let answer = unsafe buffer.withUnsafeMutableBytes {
        ask(UInt(bitPattern: $0.baseAddress), UInt($0.count))
      }
      if answer == -Int(rangeError) { continue }
      // A file system without attributes has an empty list.
      if answer == -Int(Errno.notSupported.code) { return [] }
      let count = try checked(answer)
      var names: [KernelPath] = []
      for name in buffer.prefix(count).split(separator: 0) {
        names.append(try KernelPath(bytes: name))
      }
      return names
    }
    throw Errno(rangeError)
  }

  /// The buffer is too small (ERANGE).
  private var rangeError: Int32 { 34 }
}
