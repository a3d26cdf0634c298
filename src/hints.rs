//! The service's codes in words: what each means and what the user can do about it.

mod api;
mod close;

pub use api::api;
pub use close::{close, closed_reason};

/// What to do about an error of one action: [`api`]'s advice, or for a denial the permission that
/// is missing.
#[must_use]
pub fn call(action: &str, code: &str) -> Option<String> {
    if is_denial(code) {
        let product = product(action);
        return Some(format!(
            "an administrator of the account has to grant this identity {product}:{action} in RAM, on this resource"
        ));
    }
    api(code).map(Into::into)
}

/// The reason a session was closed with, in words; an unlisted code is shown as it is.
#[must_use]
pub fn close_reason(code: &str, detail: &str) -> String {
    let code_and_detail = match (code, detail) {
        ("", detail) => detail.to_owned(),
        (code, "") => code.to_owned(),
        (code, detail) => format!("{code}: {detail}"),
    };
    let text = match close::words(code) {
        Some(words) => format!("{words} ({code_and_detail})"),
        None if code_and_detail.is_empty() => "no reason was given".to_owned(),
        None => code_and_detail,
    };
    // The detail is the other side's: it must not steer the terminal it is shown on.
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

/// Whether the code says that RAM denies the call.
#[must_use]
pub fn is_denial(code: &str) -> bool {
    matches!(
        code,
        "NoPermission" | "Forbidden" | "Forbidden.SubUser" | "ImplicitDeny" | "ExplicitDeny"
    ) || code == "Forbidden.RAM"
        || code.starts_with("NoPermission.")
}

/// The product whose name stands before the action's in a RAM policy.
fn product(action: &str) -> &'static str {
    match action {
        "GetWebshellToken" => "sae",
        "GenerateDataKey" | "Decrypt" => "kms",
        "AssumeRole" | "AssumeRoleWithOIDC" | "GetCallerIdentity" => "sts",
        _ => "ecs",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn denials_name_the_missing_permission() {
        for code in [
            "Forbidden.RAM",
            "NoPermission",
            "Forbidden",
            "Forbidden.SubUser",
        ] {
            let hint = call("StartTerminalSession", code).expect(code);
            assert!(hint.contains("ecs:StartTerminalSession"), "{hint}");
        }
        assert!(
            call("GetWebshellToken", "Forbidden.RAM")
                .is_some_and(|h| h.contains("sae:GetWebshellToken"))
        );
        assert!(
            call("GenerateDataKey", "Forbidden.RAM")
                .is_some_and(|h| h.contains("kms:GenerateDataKey"))
        );
        assert!(call("AssumeRole", "NoPermission").is_some_and(|h| h.contains("sts:AssumeRole")));
        assert_eq!(
            call("StartTerminalSession", "PortNumber.Invalid"),
            api("PortNumber.Invalid").map(Into::into)
        );
        assert_eq!(call("StartTerminalSession", "Unheard.Of"), None);
    }

    #[test]
    fn closing_reasons_in_words() {
        assert_eq!(
            close_reason("OpenTargetPortFailed", "dial tcp: refused\x1b[2J"),
            "the instance could not reach the target port (OpenTargetPortFailed: dial tcp: refused [2J)"
        );
        assert_eq!(close_reason("Whatever", ""), "Whatever");
        assert_eq!(close_reason("Whatever", "x"), "Whatever: x");
        assert_eq!(close_reason("", ""), "no reason was given");
    }
}
