//! The Chinese texts of `axt forward`.

#[rustfmt::skip]
macro_rules! chinese_forwarding {
    ("--exec needs a program") => ("--exec 需要一个程序");
    ("can't run the program") => ("无法运行程序");
    ("it sent no SOCKS request in time") => ("没有及时发送 SOCKS 请求");
    ("axt was stopped") => ("axt 已被停止");
    ("listening on {at} for {remote} through {via}") => ("正在监听 {at}，经由 {via} 转发到 {remote}");
    ("listening on {at} for {remote} of {via}") => ("正在监听 {at}，转发到 {via} 的{remote}");
    ("listening on {at} as a SOCKS proxy through {via}") => ("正在监听 {at}，作为经由 {via} 的 SOCKS 代理");
    ("a forward could not be opened") => ("已跳过一个转发");
    ("warning: {at} is not a loopback address: anyone who can reach this machine can use the forward") => ("警告：{at} 不是回环地址：任何能访问本机的人都可以使用此转发");
    ("accepting connections on {at} failed, will try again: {error}") => ("在 {at} 上接受连接失败，将重试：{error}");
    ("connection {connection} from {peer} waits: {limit} sessions are open, the most that --max-sessions allows") => ("来自 {peer} 的连接 {connection} 正在等待：已打开 {limit} 个会话，达到 --max-sessions 的上限");
    ("connection {connection} from {peer} waits: {open} connections are open, the most for which the limit of open files is enough (ulimit -n)") => ("来自 {peer} 的连接 {connection} 正在等待：已打开 {open} 个连接，达到打开文件数上限（ulimit -n）所允许的数量");
    ("connection {connection} from {peer} waits, and tries again: {error}") => ("来自 {peer} 的连接 {connection} 正在等待，将重试：{error}");
    ("opened {connection} from {peer} to {remote}") => ("连接 {connection} 已打开：{peer} → {remote}");
    ("closed {connection}: {sent} bytes sent, {received} received") => ("连接 {connection} 已关闭：发送 {sent} 字节，接收 {received} 字节");
    ("closed {connection} from {peer}: {why}") => ("来自 {peer} 的连接 {connection} 已关闭：{why}");
    ("no session can be kept in reserve for {remote}: {error}") => ("无法保留到 {remote} 的备用会话：{error}");
    ("no session is kept in reserve yet: the agent is not known to report that a target has closed") => ("暂不保留备用会话：不确定 Agent 是否会报告目标端口已关闭");
    ("the remote side can't be told that the input has ended; waiting for its answer") => ("无法通知远端输入已结束；正在等待它的响应");
    ("connection {connection}: the remote side can't be told that the input has ended; waiting for its answer") => ("连接 {connection}：无法通知远端输入已结束；正在等待它的响应");
    ("stopping") => ("正在停止");
    ("stopping; 1 connection has 5s to end") => ("正在停止；1 个连接需在 5s 内结束");
    ("stopping; {n} connections have 5s to end") => ("正在停止；{n} 个连接需在 5s 内结束");
    ("port {port} of this machine") => ("本机的端口 {port}");
    ("; ports below 1024 are for privileged users") => ("；1024 以下的端口只有特权用户可以使用");
    ("can't listen") => ("无法监听");
    ("--wss-url is for one connection: it can't serve --dynamic or --warm") => ("--wss-url 只能用于一个连接：不能与 --dynamic 或 --warm 一起使用");
    ("--warm keeps {reserved} sessions in reserve, and --max-sessions {limit} leaves none for connections") => ("--warm 保留 {reserved} 个备用会话，{limit} 个会话中没有剩余可供连接使用");
    ("not a SOCKS request (first byte {other})") => ("不是 SOCKS 请求（第一个字节为 {other}）");
    ("it insists on authentication, which this proxy does not support") => ("客户端要求认证，而此代理不支持认证");
    ("its SOCKS request is malformed") => ("SOCKS 请求的格式错误");
    ("it asked for port 0") => ("请求的端口为 0");
    ("the SOCKS request has an address of the unknown type {what}") => ("SOCKS 请求的地址类型 {what} 未知");
    ("SOCKS command {what} is not supported, only CONNECT (1)") => ("不支持 SOCKS 命令 {what}，只支持 CONNECT（1）");
    ("it asked for a host with an invalid name") => ("请求的主机名无效");
    ("its SOCKS request is too long") => ("SOCKS 请求过长");
    ("it closed the connection before it sent a request") => ("连接在发送请求之前已关闭");
    ("reading the SOCKS request failed: {error}") => ("读取 SOCKS 请求失败：{error}");
    ("the URL of --wss-url is for one connection, and an earlier connection has used it") => ("--wss-url 的 URL 只能用于一个连接，之前的连接已经使用了它");
    ($other:tt) => (chinese_emulator!($other));
}
