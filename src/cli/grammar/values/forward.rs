//! The values of `-L` and `-D`: where to listen, and what to forward to.

use std::fmt;

/// One `-L` or `-D`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// The local host; `None` for loopback, `Some("*")` for every interface.
    pub(crate) bind: Option<String>,
    /// The local port; 0 for any free one.
    pub(crate) port: u16,
    /// The remote address; `None` for a SOCKS proxy, whose clients name it.
    pub(crate) remote: Option<Remote>,
}

/// A port, seen from the instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    /// The host; `None` for the instance itself.
    pub(crate) host: Option<String>,
    /// The port.
    pub(crate) port: u16,
}

impl Remote {
    /// `localhost` is the instance itself.
    #[must_use]
    pub(crate) fn new(host: Option<&str>, port: u16) -> Self {
        let host = host.filter(|host| !host.is_empty() && !host.eq_ignore_ascii_case("localhost"));
        Self {
            host: host.map(str::to_owned),
            port,
        }
    }
}

impl fmt::Display for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Some(host) if host.contains(':') => write!(f, "[{host}]:{}", self.port),
            Some(host) => write!(f, "{host}:{}", self.port),
            None => f.write_str(&tr!("port {port}", port = self.port)),
        }
    }
}

/// `[BIND:]PORT:[HOST:]HOSTPORT`. Of three parts, the first is a port if it can be one.
pub(crate) fn local(text: &str) -> Result<Listen, String> {
    let parts = split(text)?;
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let (bind, port, host, remote) = match parts[..] {
        [port, remote] => (None, port, None, remote),
        [port, host, remote] if port.parse::<u16>().is_ok() => (None, port, Some(host), remote),
        [bind, port, remote] => (Some(bind), port, None, remote),
        [bind, port, host, remote] => (Some(bind), port, Some(host), remote),
        _ => return Err(tr!("expected [BIND:]PORT:[HOST:]HOSTPORT").into()),
    };
    let remote = Remote::new(host, number(remote)?);
    if remote.port == 0 {
        return Err(tr!("the remote port can't be 0").into());
    }
    Ok(Listen {
        bind: bind_of(bind),
        port: number(port)?,
        remote: Some(remote),
    })
}

/// `[BIND:]PORT:HOST:HOSTPORT`, as ssh takes it.
pub(crate) fn local_with_host(text: &str) -> Result<Listen, String> {
    let parts = split(text)?;
    match parts.as_slice() {
        [_, _, _, _] => local(text),
        [port, _, _] if port.parse::<u16>().is_ok() => local(text),
        _ => Err(tr!("expected [BIND:]PORT:HOST:HOSTPORT").into()),
    }
}

/// `[BIND:]PORT`.
pub(crate) fn dynamic(text: &str) -> Result<Listen, String> {
    let parts = split(text)?;
    let (bind, port) = match &parts[..] {
        [port] if !port.is_empty() => (None, port),
        [bind, port] => (Some(bind.as_str()), port),
        _ => return Err(tr!("expected [BIND:]PORT").into()),
    };
    Ok(Listen {
        bind: bind_of(bind),
        port: number(port)?,
        remote: None,
    })
}

/// `HOST:PORT`, as `ssh -W` takes it.
pub(crate) fn remote(text: &str) -> Result<Remote, String> {
    match split(text)?.as_slice() {
        [host, port] if !host.is_empty() => match number(port)? {
            0 => Err(tr!("the port can't be 0").into()),
            port => Ok(Remote::new(Some(host), port)),
        },
        _ => Err(tr!("expected HOST:PORT").into()),
    }
}

/// The address to listen on. As with ssh, an empty one means every interface.
fn bind_of(bind: Option<&str>) -> Option<String> {
    let bind = bind.map(|bind| if bind.is_empty() { "*" } else { bind });
    bind.filter(|bind| !bind.eq_ignore_ascii_case("localhost"))
        .map(str::to_owned)
}

fn number(text: &str) -> Result<u16, String> {
    text.parse()
        .map_err(|_| tr!("{text:?} is not a port: 0 to 65535", text))
}

/// Splits at colons outside of brackets, which are taken off.
fn split(text: &str) -> Result<Vec<String>, String> {
    let mut parts = vec![String::new()];
    let mut bracketed = false;
    for c in text.chars() {
        match c {
            '[' if !bracketed => bracketed = true,
            ']' if bracketed => bracketed = false,
            ':' if !bracketed => parts.push(String::new()),
            c if c.is_whitespace() || c.is_control() => {
                return Err(tr!("spaces are not allowed").into());
            }
            c => parts.last_mut().expect("there is always one").push(c),
        }
    }
    if bracketed {
        return Err(tr!("a bracket is not closed").into());
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(listen: &Listen) -> String {
        let bind = listen.bind.as_deref().unwrap_or("loopback");
        let remote = listen.remote.as_ref().map(ToString::to_string);
        format!("{bind} {} {}", listen.port, remote.unwrap_or_default())
    }

    #[test]
    fn forwards_are_read() {
        for (text, expected) in [
            ("8080:80", "loopback 8080 port 80"),
            ("0:80", "loopback 0 port 80"),
            ("8080:db:3306", "loopback 8080 db:3306"),
            ("8080:localhost:80", "loopback 8080 port 80"),
            ("127.0.0.2:8080:80", "127.0.0.2 8080 port 80"),
            ("localhost:8080:80", "loopback 8080 port 80"),
            ("*:8080:db:80", "* 8080 db:80"),
            (":8080:db:80", "* 8080 db:80"),
            ("[::1]:8080:[fe80::1]:80", "::1 8080 [fe80::1]:80"),
        ] {
            assert_eq!(
                local(text).map(|l| shown(&l)),
                Ok(expected.into()),
                "{text}"
            );
        }
        for text in [
            "",
            "80",
            "a:b",
            "1:2:3:4:5",
            "1:0",
            "1:70000",
            "[::1:1:1",
            "1: 2",
        ] {
            assert!(local(text).is_err(), "{text}");
        }
    }

    #[test]
    fn proxies_are_read() {
        for (text, expected) in [
            ("1080", "loopback 1080 "),
            ("0.0.0.0:1080", "0.0.0.0 1080 "),
            ("[::1]:0", "::1 0 "),
        ] {
            assert_eq!(
                dynamic(text).map(|l| shown(&l)),
                Ok(expected.into()),
                "{text}"
            );
        }
        for text in ["", "socks", "1:2:3"] {
            assert!(dynamic(text).is_err(), "{text}");
        }
    }
}
