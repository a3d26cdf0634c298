//! The Chinese texts of the other commands.

#[rustfmt::skip]
macro_rules! chinese_other {
    (": there are {names}") => ("：可用的有 {names}");
    ("there is no command {words:?}{known}") => ("没有命令 {words:?}{known}");
    ("internal error; please report it") => ("内部错误；请报告此问题");
    ("sessions are not shared on this system") => ("此系统不支持共享会话");
    ("warning: {warning}") => ("警告：{warning}");
    ("internal error: no such task for ssh") => ("内部错误：ssh 没有这样的任务");
    ("-O: this command shares no session") => ("-O：此命令没有共享会话");
    ("the master can't be asked: {why}") => ("无法查询主进程：{why}");
    ("{host:?} can't be used in a Host line: give the instance a name without spaces and special characters, or use its id") => ("{host:?} 不能写在 Host 行中：请为实例设置不含空格和符号的名称，或使用实例 ID");
    ($other:tt) => (compile_error!(concat!("src/language/chinese has no row for ", stringify!($other))));
}
