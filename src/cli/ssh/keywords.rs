//! The keywords of ssh_config(5): those that axt follows, those that it refuses, and those without effect.

use crate::language::Both;

/// The treatment of a keyword.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Treatment {
    /// axt does what it says.
    Kept(SettingKey),
    /// Refused, unless its value asks for nothing.
    Refused(RefusedKeyword),
    /// It has no effect here. It is accepted silently and named at `-v`.
    NoEffect,
}

/// A keyword that axt acts on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SettingKey {
    BatchMode,
    ClearAllForwardings,
    Compression,
    ConnectTimeout,
    ControlMaster,
    ControlPath,
    ControlPersist,
    DynamicForward,
    EscapeChar,
    ExitOnForwardFailure,
    GatewayPorts,
    Host,
    HostName,
    IgnoreUnknown,
    Include,
    LocalForward,
    LogLevel,
    Match,
    Port,
    RemoteCommand,
    RequestTty,
    SendEnv,
    ServerAliveCountMax,
    ServerAliveInterval,
    SessionType,
    SetEnv,
    StdinNull,
    User,
}

/// A keyword that axt refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RefusedKeyword {
    /// Values that ask for nothing, in small letters.
    pub harmless: &'static [&'static str],
    /// The reason, and what to do instead.
    pub why: Both,
    /// In a file, which is written for ssh, it is only warned of.
    pub warn_in_file: bool,
}

/// The keyword's own spelling and its meaning; `None` for a keyword that ssh does not know either.
pub(super) fn meaning(keyword: &str) -> Option<(&'static str, Treatment)> {
    let is = |name: &str| name.eq_ignore_ascii_case(keyword);
    if let Some((name, key)) = KEPT.iter().find(|(name, _)| is(name)) {
        return Some((name, Treatment::Kept(*key)));
    }
    if let Some((name, refused)) = REFUSED.iter().find(|(name, _)| is(name)) {
        return Some((name, Treatment::Refused(*refused)));
    }
    let name = NO_EFFECT.iter().find(|name| is(name))?;
    Some((name, Treatment::NoEffect))
}

const KEPT: [(&str, SettingKey); 28] = [
    ("BatchMode", SettingKey::BatchMode),
    ("ClearAllForwardings", SettingKey::ClearAllForwardings),
    ("Compression", SettingKey::Compression),
    ("ConnectTimeout", SettingKey::ConnectTimeout),
    ("ControlMaster", SettingKey::ControlMaster),
    ("ControlPath", SettingKey::ControlPath),
    ("ControlPersist", SettingKey::ControlPersist),
    ("DynamicForward", SettingKey::DynamicForward),
    ("EscapeChar", SettingKey::EscapeChar),
    ("ExitOnForwardFailure", SettingKey::ExitOnForwardFailure),
    ("GatewayPorts", SettingKey::GatewayPorts),
    ("Host", SettingKey::Host),
    ("HostName", SettingKey::HostName),
    ("IgnoreUnknown", SettingKey::IgnoreUnknown),
    ("Include", SettingKey::Include),
    ("LocalForward", SettingKey::LocalForward),
    ("LogLevel", SettingKey::LogLevel),
    ("Match", SettingKey::Match),
    ("Port", SettingKey::Port),
    ("RemoteCommand", SettingKey::RemoteCommand),
    ("RequestTTY", SettingKey::RequestTty),
    ("SendEnv", SettingKey::SendEnv),
    ("ServerAliveCountMax", SettingKey::ServerAliveCountMax),
    ("ServerAliveInterval", SettingKey::ServerAliveInterval),
    ("SessionType", SettingKey::SessionType),
    ("SetEnv", SettingKey::SetEnv),
    ("StdinNull", SettingKey::StdinNull),
    ("User", SettingKey::User),
];

const REFUSED: [(&str, RefusedKeyword); 15] = [
    (
        "BindAddress",
        refused(
            &[],
            both!("axt can't choose the local address of its connections"),
        ),
    ),
    (
        "BindInterface",
        refused(
            &[],
            both!("axt can't choose the interface of its connections"),
        ),
    ),
    (
        "ChannelTimeout",
        refused(&["none"], both!("axt closes no idle channels")),
    ),
    (
        "EnableEscapeCommandline",
        refused(NO, both!("the ~C command line is not supported")),
    ),
    (
        "ForkAfterAuthentication",
        refused(
            NO,
            both!(
                "axt stays in the foreground; `axt forward TARGET -L … --exec -- COMMAND` runs a program beside a forward"
            ),
        ),
    ),
    (
        "ForwardAgent",
        warned(NO, both!("the service carries no agent connections")),
    ),
    (
        "ForwardX11",
        warned(NO, both!("the service carries no X11 connections")),
    ),
    (
        "GSSAPIDelegateCredentials",
        warned(NO, both!("the service carries no Kerberos tickets")),
    ),
    (
        "PermitLocalCommand",
        refused(NO, both!("axt runs no local commands")),
    ),
    (
        "ProxyCommand",
        refused(
            &["none"],
            both!("axt reaches instances through the service, and not through a program"),
        ),
    ),
    (
        "ProxyJump",
        refused(
            &["none"],
            both!("axt reaches instances through the service, and not through other hosts"),
        ),
    ),
    (
        "RefuseConnection",
        refused(&[], both!("the connection is refused")),
    ),
    (
        "RemoteForward",
        refused(&[], both!("the service opens no ports on the instance")),
    ),
    (
        "Tunnel",
        refused(NO, both!("the service carries no tunnel devices")),
    ),
    (
        "TunnelDevice",
        RefusedKeyword {
            // It only names the devices that Tunnel asks for.
            harmless: &["any", "any:any"],
            why: both!("the service carries no tunnel devices"),
            warn_in_file: true,
        },
    ),
];

const NO: &[&str] = &["no", "false"];

const fn refused(harmless: &'static [&'static str], why: Both) -> RefusedKeyword {
    RefusedKeyword {
        harmless,
        why,
        warn_in_file: false,
    }
}

const fn warned(harmless: &'static [&'static str], why: Both) -> RefusedKeyword {
    RefusedKeyword {
        harmless,
        why,
        warn_in_file: true,
    }
}

/// There are no host keys, ciphers, keys, passwords or addresses of ssh's here, and no unix sockets
/// to forward; the rest is too old for ssh itself.
const NO_EFFECT: [&str; 96] = [
    "AddKeysToAgent",
    "AddressFamily",
    "AFSTokenPassing",
    "CanonicalDomains",
    "CanonicalizeFallbackLocal",
    "CanonicalizeHostname",
    "CanonicalizeMaxDots",
    "CanonicalizePermittedCNAMEs",
    "CASignatureAlgorithms",
    "CertificateFile",
    "ChallengeResponseAuthentication",
    "CheckHostIP",
    "Cipher",
    "Ciphers",
    "CompressionLevel",
    "ConnectionAttempts",
    "DSAAuthentication",
    "EnableSSHKeysign",
    "FallBackToRsh",
    "FingerprintHash",
    "ForwardX11Timeout",
    "ForwardX11Trusted",
    "GlobalKnownHostsFile",
    "GlobalKnownHostsFile2",
    "GSSAPIAuthentication",
    "GSSAPIClientIdentity",
    "GSSAPIKexAlgorithms",
    "GSSAPIKeyExchange",
    "GSSAPIRenewalForcesRekey",
    "GSSAPIServerIdentity",
    "GSSAPITrustDns",
    "HashKnownHosts",
    "HostbasedAcceptedAlgorithms",
    "HostbasedAcceptedKeyTypes",
    "HostbasedAuthentication",
    "HostbasedKeyTypes",
    "HostKeyAlgorithms",
    "HostKeyAlias",
    "IdentitiesOnly",
    "IdentityAgent",
    "IdentityFile",
    "IdentityFile2",
    "IPQoS",
    "KbdInteractiveAuthentication",
    "KbdInteractiveDevices",
    "KeepAlive",
    "KerberosAuthentication",
    "KerberosTgtPassing",
    "KexAlgorithms",
    "KnownHostsCommand",
    "LocalCommand",
    "LogVerbose",
    "MACs",
    "NoHostAuthenticationForLocalhost",
    "NumberOfPasswordPrompts",
    "ObscureKeystrokeTiming",
    "PasswordAuthentication",
    "PermitRemoteOpen",
    "PKCS11Provider",
    "PreferredAuthentications",
    "Protocol",
    "ProtocolKeepAlives",
    "ProxyUseFdpass",
    "PubkeyAcceptedAlgorithms",
    "PubkeyAcceptedKeyTypes",
    "PubkeyAuthentication",
    "RekeyLimit",
    "RequiredRSASize",
    "RevokedHostKeys",
    "RhostsAuthentication",
    "RhostsRSAAuthentication",
    "RSAAuthentication",
    "SecurityKeyProvider",
    "SetupTimeOut",
    "SkeyAuthentication",
    "SmartcardDevice",
    "StreamLocalBindMask",
    "StreamLocalBindUnlink",
    "StrictHostKeyChecking",
    "SyslogFacility",
    "Tag",
    "TCPKeepAlive",
    "TISAuthentication",
    "UpdateHostKeys",
    "UseBlacklistedKeys",
    "UseKeychain",
    "UsePrivilegedPort",
    "UserKnownHostsFile",
    "UserKnownHostsFile2",
    "UseRoaming",
    "UseRsh",
    "VerifyHostKeyDNS",
    "VersionAddendum",
    "VisualHostKey",
    "WarnWeakCrypto",
    "XAuthLocation",
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_keyword_stands_in_one_list_once() {
        let kept = KEPT.iter().map(|(name, _)| *name);
        let refused = REFUSED.iter().map(|(name, _)| *name);
        let all: Vec<String> = kept
            .chain(refused)
            .chain(NO_EFFECT)
            .map(str::to_ascii_lowercase)
            .collect();
        let once: BTreeSet<&String> = all.iter().collect();
        assert_eq!(once.len(), all.len());
        assert!(NO_EFFECT.is_sorted_by_key(|name| name.to_ascii_lowercase()));
    }

    #[test]
    fn a_keyword_is_found_in_any_case() {
        assert_eq!(
            meaning("requesttty"),
            Some(("RequestTTY", Treatment::Kept(SettingKey::RequestTty)))
        );
        assert!(matches!(
            meaning("FORWARDAGENT"),
            Some((_, Treatment::Refused(_)))
        ));
        assert_eq!(meaning("ciphers"), Some(("Ciphers", Treatment::NoEffect)));
        assert_eq!(meaning("bogus"), None);
    }
}
