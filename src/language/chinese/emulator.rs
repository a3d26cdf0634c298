//! The Chinese texts of `axt emulator`.

#[rustfmt::skip]
macro_rules! chinese_emulator {
    ("can't listen on the address that --listen names") => ("无法监听 --listen 指定的地址");
    ("{problem}; --allow-remote permits it") => ("{problem}；--allow-remote 可允许这样做");
    ("WARNING: other machines can reach this emulator, without TLS. Anyone who reads its credentials from the network gets a shell here as you.") => ("警告：其他机器可以访问此模拟器，且没有 TLS。任何从网络上读到其凭证的人，都能以您的身份在本机获得 Shell。");
    ("can't read the file that --instances names") => ("无法读取 --instances 指定的文件");
    ("an action has the form ecs:StartTerminalSession") => ("操作名称的格式如 ecs:StartTerminalSession");
    ("{address} can be reached from other machines, and everybody who has its credentials can get a shell") => ("其他机器可以访问 {address}，任何有其凭证的人都能获得 Shell");
    ("can't start the emulator") => ("无法启动模拟器");
    ("the instances are not JSON: {error}") => ("实例列表不是 JSON：{error}");
    ("instance {n}: {what}") => ("第 {n} 个实例：{what}");
    ("it has no InstanceId") => ("没有 InstanceId");
    ("{id:?}: an instance id begins with i- or mi-") => ("{id:?}：实例 ID 应以 i- 或 mi- 开头");
    ("{region:?} is not a region id") => ("{region:?} 不是地域 ID");
    ("{os:?} is not an OSType") => ("{os:?} 不是有效的 OSType");
    ("{other:?} is not an Agent state: offline, missing or old") => ("{other:?} 不是 Agent 的状态：offline、missing 或 old");
    ("a tag has no TagKey") => ("标签没有 TagKey");
    ("unknown word {word:?}; the words are {words}") => ("未知的单词 {word:?}；可用的有 {words}");
    ("{value:?} is not a region id") => ("{value:?} 不是地域 ID");
    ("an instance id begins with i- or mi-") => ("实例 ID 应以 i- 或 mi- 开头");
    ("expected AMOUNT[:TIMES], such as 5, 64K or 5:1") => ("格式应为 AMOUNT[:TIMES]，例如 5、64K 或 5:1");
    ("expected AMOUNT:TIME, such as 64K:50s") => ("格式应为 AMOUNT:TIME，例如 64K:50s");
    ("expected CODE[:COUNT]") => ("格式应为 CODE[:COUNT]");
    ("unknown setting {name:?}; known: {known}") => ("没有设置项 {name:?}；可用的有：{known}");
    ("neither a duration such as 90s nor none") => ("既不是时长（例如 90s），也不是 none");
    ("neither a number nor none") => ("既不是数字，也不是 none");
    ("neither a size such as 2048 or 64K nor none") => ("既不是大小（例如 2048 或 64K），也不是 none");
    ("neither true nor false") => ("既不是 true，也不是 false");
    ($other:tt) => (chinese_other!($other));
}
