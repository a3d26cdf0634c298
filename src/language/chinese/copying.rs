//! The Chinese texts of `axt cp`.

#[rustfmt::skip]
macro_rules! chinese_copying {
    ("it changed while it was read, or arrived damaged ({name} does not agree): what was written to standard output is not right") => ("文件在读取过程中发生了变化，或到达时已损坏（{name} 不一致）：写到标准输出的内容不正确");
    ("on the instance: No such file or directory") => ("实例上没有该文件或目录");
    ("Is a directory (-r copies it)") => ("是一个目录（-r 可复制目录）");
    ("its size is not known before it is read: axt exec TARGET cat FILE reads it") => ("读取之前无法得知其大小：可用 axt exec TARGET cat FILE 读取");
    ("it is longer or shorter than its size says: - copies standard input") => ("内容的长度与文件大小不符：可用 - 复制标准输入");
    ("another SRC has the same name: it would take its place") => ("另一个 SRC 同名，会被它取代");
    ("Is a directory (-r copies it, but not to standard output)") => ("是一个目录（-r 可复制目录，但不能复制到标准输出）");
    ("not a regular file") => ("不是普通文件");
    ("there is a directory of this name") => ("存在同名的目录");
    ("the destination is not a regular file; - writes to standard output") => ("已存在的不是普通文件；- 表示写到标准输出");
    ("the partial file *.axt-part is not a regular file of this user") => ("它的临时文件 *.axt-part 已存在，且不是当前用户自己的文件");
    ("on the instance: the directory can't be listed, or it changed meanwhile") => ("实例上的错误：无法得知目录中的内容，或其内容在列出时发生了变化");
    ("its name is not valid for a directory on this system") => ("其名称不能作为本机目录的名称");
    ("not a regular file, directory or link") => ("不是普通文件、目录或链接");
    ("its directory is missing here") => ("本机缺少它所在的目录");
    ("skipped: the name is reserved for partial files of axt cp") => ("其名称与 axt cp 的临时文件相同：已跳过");
    ("its name is not valid for a file on this system") => ("其名称不能作为本机文件的名称");
    ("there is a symbolic link of this name") => ("存在同名的符号链接");
    ("there is a file of this name") => ("存在同名的文件");
    ("symbolic links are not made on this system") => ("此系统不支持创建符号链接");
    ("another axt cp copies to it; if that one was killed on another machine, its session is over within 3 minutes") => ("另一个 axt cp 正在复制到该文件；如果它在另一台机器上被终止，其会话会在 3 分钟内结束");
    ("1 file") => ("1 个文件");
    ("{count} files") => ("{count} 个文件");
    ("{copied}, {bytes} bytes: {name} verified") => ("{copied}，{bytes} 字节：{name} 校验通过");
    ("{files} unchanged") => ("{files}未变化");
    ("{files} not copied") => ("{files}未复制");
    ("the received data could not be written") => ("收到的内容无法写入");
    (" of {total}") => ("，共 {total}");
    (", {left} left") => ("，剩余 {left}");
    ("{moved}{of}, {rate}/s (limit {limit}/s){left}") => ("{moved}{of}，{rate}/s（限速 {limit}/s）{left}");
    ("{to}: no such directory") => ("{to}：没有该目录");
    ("a thread can't be started") => ("无法启动线程");
    ("there is no POSIX shell ({code}): files can't be copied to or from Windows yet") => ("没有 POSIX Shell（{code}）：暂不支持与 Windows 之间复制文件");
    ("it changed while it was read") => ("文件在读取过程中发生了变化");
    ("another copy to it is under way") => ("另一个复制正在写入该文件");
    ("on the instance: {said}") => ("实例上的错误：{said}");
    ("on the instance: it failed with status {status}") => ("实例上的错误：执行失败，状态为 {status}");
    ("it changed while it was read, or arrived damaged ({name} does not agree): nothing was replaced") => ("文件在读取过程中发生了变化，或到达时已损坏（{name} 不一致）：没有替换任何内容");
    ("there is no room for it: {needed} bytes are needed, {room} are free") => ("空间不足：需要 {needed} 字节，可用 {room} 字节");
    ("on the instance: unexpected answer from the file check") => ("实例上的错误：检查文件的命令没有给出有意义的结果");
    ("not a regular file; - copies standard input") => ("不是普通文件；- 表示复制标准输入");
    ("the destination is not a regular file") => ("已存在的不是普通文件");
    ("its directory is missing there") => ("实例上缺少它所在的目录");
    ("{path}: the instance's name is not UTF-8") => ("{path}：实例的名称不是 UTF-8");
    ("SRC or DST is missing: axt cp SRC… DST") => ("缺少 SRC 或 DST：axt cp SRC… DST");
    ("both sides are on instances: copy through this machine, as by axt cp A:FILE - | axt cp - B:FILE") => ("两端都在实例上：请通过本机复制，例如 axt cp A:FILE - | axt cp - B:FILE");
    ("neither side is on an instance: that one is written TARGET:PATH (a local name with a colon: ./A:B)") => ("两端都不在实例上：实例上的路径应写成 TARGET:PATH（名称含冒号的本机文件写成 ./A:B）");
    ("some SRC are here and some on an instance: a copy has one direction") => ("有的 SRC 在本机，有的在实例上：一次复制只能有一个方向");
    ("standard input can be copied once") => ("标准输入只能复制一次");
    ("the SRC are on several instances: one axt cp copies from one of them") => ("SRC 在多个实例上：一个 axt cp 只能从一个实例复制");
    ($other:tt) => (chinese_forwarding!($other));
}
