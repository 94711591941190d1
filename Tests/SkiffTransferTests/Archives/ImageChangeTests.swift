import SkiffTransfer
import Testing

@Suite struct ImageChangeTests {
  @Test(arguments: [
    (#"CMD ["sh", "-c", "echo a b"]"#, ImageChange.command(["sh", "-c", "echo a b"])),
    ("CMD echo $HOME", .command(["/bin/sh", "-c", "echo $HOME"])),
    ("cmd=[\"a\"]", .command(["a"])),
    (#"ENTRYPOINT ["/init"]"#, .entrypoint(["/init"])),
    (
      "ENV A=1 B=\"two words\" C='x\"y' D=a\\ b",
      .environment([.init("A", "1"), .init("B", "two words"), .init("C", "x\"y"), .init("D", "a b")])
    ),
    ("ENV NAME a value with blanks", .environment([.init("NAME", "a value with blanks")])),
    ("ENV PATH=/usr/bin:/bin", .environment([.init("PATH", "/usr/bin:/bin")])),
    ("ENV EMPTY=", .environment([.init("EMPTY", "")])),
    ("LABEL org.example.a=b", .labels([.init("org.example.a", "b")])),
    ("WORKDIR /srv/data", .workingDirectory("/srv/data")),
    ("USER 1000:1000", .user("1000:1000")),
    ("EXPOSE 80 443/TCP 5000-5010/udp", .ports(["80/tcp", "443/tcp", "5000-5010/udp"])),
    ("VOLUME /a /b", .volumes(["/a", "/b"])),
    (#"VOLUME ["/a b"]"#, .volumes(["/a b"])),
    ("STOPSIGNAL SIGINT", .stopSignal("SIGINT")),
  ])
  func `an instruction is read as a Dockerfile's`(text: String, expected: ImageChange) throws {
    #expect(try ImageChange(parsing: text) == expected)
  }

  @Test(arguments: [
    "", "CMD", "RUN rm -rf /", "USER a b", "EXPOSE 0", "EXPOSE 70000", "EXPOSE 80/icmp", "EXPOSE 1-2-3", "ENV A",
    "ENV A=1 B",
    "ENV =x y=z", "WORKDIR \"open", "LABEL a=b\\",
  ])
  func `what is none is refused`(text: String) {
    #expect(throws: TransferError.self) { try ImageChange(parsing: text) }
  }
}
