//! The Chinese texts of errors and of the printer.

#[rustfmt::skip]
macro_rules! chinese_errors {
    ("start fewer commands at once, or let them wait longer: --queue-timeout 5m") => ("请减少同时启动的命令，或让它们等待更久：--queue-timeout 5m");
    ("leave --eager out: input is then held until the remote side is ready") => ("请去掉 --eager：输入会保留到远端就绪后再发送");
    ("the session protocol can't tell the remote side that the input has ended; --linger 1m waits longer for what it still sends") => ("会话协议无法通知远端输入已结束；--linger 1m 可以更久地等待它继续发送的内容");
    ("{remedy}; then give --region or set ALIBABA_CLOUD_REGION_ID, unless the profile has a region_id") => ("{remedy}；然后指定 --region 或设置 ALIBABA_CLOUD_REGION_ID，除非配置文件的 profile 中有 region_id");
    ("give --region, set ALIBABA_CLOUD_REGION_ID, or put region_id into the profile") => ("请指定 --region、设置 ALIBABA_CLOUD_REGION_ID，或在 profile 中写入 region_id");
    ("a session's URL is valid for 10 minutes and for one session: start a new session") => ("会话的 URL 有效期为 10 分钟，且只能用于一个会话：请启动新的会话");
    ("a session can be resumed for the 10 minutes that its URL is valid: connect again") => ("会话只能在其 URL 有效的 10 分钟内恢复：请重新连接");
    ("another program uses the port: choose another one; `axt forward` takes 0 for any free one") => ("该端口已被其他程序占用，请换一个；`axt forward` 可用 0 表示任意空闲端口");
    ("BIND has to be an address of this machine") => ("BIND 必须是本机的地址");
    ("AXT_LANG is {value:?}, and not en or zh") => ("AXT_LANG 的值为 {value:?}，应为 en 或 zh");
    ("hint: {hint}") => ("提示：{hint}");
    ("signal {number} ended axt") => ("axt 被信号 {number} 终止");
    ("the time limit has passed") => ("已超过时间限制");
    ("no usable credentials: {problem}") => ("没有可用的凭证：{problem}");
    ("no region given") => ("未指定地域");
    ("no region given, and no usable credentials: {problem}") => ("未指定地域，也没有可用的凭证：{problem}");
    ("can't connect to {to}: {cause}") => ("无法连接到 {to}：{cause}");
    ("the wait for this session would be {wait:.1?}, longer than --queue-timeout {limit:?}, as others are started before it") => ("其他会话排在前面，本会话还需等待 {wait:.1?} 才能启动，而 --queue-timeout 为 {limit:?}");
    ("the session could not be resumed") => ("无法恢复会话");
    ("the gateway refused the session") => ("网关拒绝了会话");
    ("protocol error: {what}") => ("协议错误：{what}");
    ("on the instance: {what}") => ("实例上的错误：{what}");
    ("the connection was lost: {why}") => ("连接已断开：{why}");
    ("the remote side has closed the connection: at least {bytes} bytes of the input did not reach it") => ("远端已关闭连接：至少有 {bytes} 字节的输入没有送达");
    ("no answer came to the input that was sent early: the agent may have dropped it") => ("提前发送的输入没有得到响应：Agent 可能已将其丢弃");
    ("{error}; at least {unsent} bytes of the input were not sent, and {unacknowledged} bytes that were sent may not have arrived") => ("{error}；至少有 {unsent} 字节的输入没有发送，另有 {unacknowledged} 字节已发送但可能没有送达");
    ("{error}; at least {unsent} bytes of the input were not sent, and it is not known how much of the rest has arrived") => ("{error}；至少有 {unsent} 字节的输入没有发送，其余输入送达了多少无法得知");
    ("raise the limit of open files (`ulimit -n`) before axt starts, or open fewer connections at once") => ("请在启动 axt 之前提高打开文件数的上限（`ulimit -n`），或同时打开更少的连接");
    ("{error} (axt had been stopped for {span:?})") => ("{error}（axt 曾被挂起 {span:?}）");
    ("the remote side sent nothing for {span:?} after the input had ended: its answer may be incomplete") => ("输入结束后，远端在 {span:?} 内没有发送任何内容：它的响应可能不完整");
    ("{what}: {why}") => ("{what}：{why}");
    ("{what} ({more})") => ("{what}（{more}）");
    ("; ") => ("；");
    (", ") => ("，");
    ("the session ended: {meaning} ({given})") => ("会话已结束：{meaning}（{given}）");
    ("the session ended: no reason was given") => ("会话已结束：未说明原因");
    ("the session ended: {given}") => ("会话已结束：{given}");
    ("{what} took longer than {limit:?}") => ("{what}耗时超过 {limit:?}");
    (" (HTTP {status})") => ("（HTTP {status}）");
    (" (HTTP {status}, request {id})") => ("（HTTP {status}，请求 ID {id}）");
    ($other:tt) => (chinese_hints!($other));
}
