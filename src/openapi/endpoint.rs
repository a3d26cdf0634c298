//! The host of a product in a region, and the values that `--endpoint` takes.

use crate::config::settings::ConnectionType;
use crate::error::{Error, Result};
use url::{Host, Url};

/// A product of the cloud whose API axt calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Product {
    /// Elastic Compute Service.
    Ecs,
    /// Security Token Service.
    Sts,
    /// Key Management Service.
    Kms,
    /// Serverless App Engine.
    Sae,
}

/// Regions whose ECS host doesn't follow the rule, as the official SDK's endpoint map has them
/// (alibabacloud_ecs20140526), and whether the region has a host inside the VPC by the rule all the
/// same (aliyun-cli's metadata).
#[rustfmt::skip]
const ECS_EXCEPTIONS: &[(&str, &str, bool)] = &[
    ("cn-hangzhou", "ecs-cn-hangzhou.aliyuncs.com", true),
    ("cn-shanghai-finance-1", "ecs-cn-hangzhou.aliyuncs.com", true),
    ("cn-shenzhen-finance-1", "ecs-cn-hangzhou.aliyuncs.com", true),
    ("cn-fujian", "ecs-cn-hangzhou.aliyuncs.com", false),
    ("cn-beijing-nu16-b01", "ecs-cn-hangzhou.aliyuncs.com", false),
    ("cn-haidian-cm12-c01", "ecs-cn-hangzhou.aliyuncs.com", false),
    ("cn-hangzhou-bj-b01", "ecs-cn-hangzhou.aliyuncs.com", false),
    ("cn-hangzhou-internal-prod-1", "ecs-cn-hangzhou.aliyuncs.com", false),
    ("cn-hangzhou-internal-test-1", "ecs-cn-hangzhou.aliyuncs.com", false),
    ("cn-hangzhou-internal-test-2", "ecs-cn-hangzhou.aliyuncs.com", false),
    ("cn-hangzhou-internal-test-3", "ecs-cn-hangzhou.aliyuncs.com", false),
    ("cn-hangzhou-test-306", "ecs-cn-hangzhou.aliyuncs.com", false),
    ("cn-shanghai-et15-b01", "ecs-cn-hangzhou.aliyuncs.com", false),
    ("cn-shanghai-et2-b01", "ecs-cn-hangzhou.aliyuncs.com", false),
    ("cn-shanghai-internal-test-1", "ecs-cn-hangzhou.aliyuncs.com", false),
    ("cn-shenzhen-st4-d01", "ecs-cn-hangzhou.aliyuncs.com", false),
    ("cn-shenzhen-su18-b01", "ecs-cn-hangzhou.aliyuncs.com", false),
    ("cn-zhangbei-na61-b01", "ecs-cn-hangzhou.aliyuncs.com", false),
    ("cn-north-2-gov-1", "ecs.aliyuncs.com", true),
    ("cn-hangzhou-finance", "ecs.aliyuncs.com", false),
    ("cn-beijing-gov-1", "ecs.aliyuncs.com", false),
    ("cn-beijing-finance-pop", "ecs.aliyuncs.com", false),
    ("cn-hongkong-finance-pop", "ecs.aliyuncs.com", false),
    ("cn-shanghai-inner", "ecs.aliyuncs.com", false),
    ("cn-shenzhen-inner", "ecs.aliyuncs.com", false),
    ("cn-wuhan", "ecs.aliyuncs.com", false),
    ("cn-yushanfang", "ecs.aliyuncs.com", false),
    ("cn-zhangbei", "ecs.aliyuncs.com", false),
    ("ap-northeast-2-pop", "ecs.aliyuncs.com", false),
    ("rus-west-1-pop", "ecs.aliyuncs.com", false),
    ("cn-edge-1", "ecs.cn-qingdao-nebula.aliyuncs.com", false),
    ("cn-huhehaote-nebula-1", "ecs.cn-qingdao-nebula.aliyuncs.com", false),
    ("cn-zhengzhou-nebula-1", "ecs.cn-qingdao-nebula.aliyuncs.com", false),
    ("cn-zhangjiakou-na62-a01", "ecs.cn-zhangjiakou.aliyuncs.com", false),
    ("eu-west-1-oxs", "ecs.cn-shenzhen-cloudstone.aliyuncs.com", false),
];

/// The base URL for calls to a product: the one that was given, or the product's own. The given one doesn't
/// hold for STS, unless it is on this machine: a private endpoint of ECS does not serve STS.
///
/// # Errors
/// [`Error::Usage`] for an invalid region or URL.
pub fn base(
    product: Product,
    region: &str,
    network: ConnectionType,
    given: Option<&str>,
) -> Result<Url> {
    let given = given.map(parse).transpose()?;
    let given = given.filter(|url| product != Product::Sts || is_loopback(url));
    match given {
        Some(url) => Ok(url),
        None => parse(&host(product, region, network)?),
    }
}

/// The product's host in a region.
///
/// # Errors
/// [`Error::Usage`] for a region with characters that no region has: it would name another host.
pub fn host(product: Product, region: &str, network: ConnectionType) -> Result<String> {
    if region.is_empty()
        || !region
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-')
    {
        return Err(Error::Usage(tr!(
            "{region:?} is not a region id such as cn-hangzhou",
            region
        )));
    }
    Ok(match product {
        Product::Ecs => ecs(region, network),
        Product::Sts => sts(region, network),
        Product::Kms => kms(region, network),
        Product::Sae => by_rule("sae", region, network),
    })
}

/// The gateway that a session in `region` will most likely be reached at, where `endpoint` is the base URL
/// of ECS: the region's host by rule (the service's examples of `WebSocketUrl`), or the host of an
/// endpoint that is not the region's own. The host inside a VPC is documented nowhere.
pub(crate) fn likely_gateway(region: &str, network: ConnectionType, endpoint: &Url) -> Option<Url> {
    let usual = base(Product::Ecs, region, network, None).ok()?;
    let scheme = match endpoint.scheme() {
        "http" => "ws",
        _ => "wss",
    };
    let gateway = match (network, usual == *endpoint) {
        (_, false) => format!(
            "{scheme}{}",
            endpoint.as_str().strip_prefix(endpoint.scheme())?
        ),
        (ConnectionType::Internet, true) => format!("wss://{region}.axt.aliyuncs.com"),
        (ConnectionType::Intranet, true) => return None,
    };
    gateway.parse().ok()
}

/// Reads a base URL; a bare host means https.
///
/// # Errors
/// [`Error::Usage`] for a text that is no URL, for any scheme but https (http towards loopback addresses only),
/// and for a user, password, query or fragment in it.
pub fn parse(text: &str) -> Result<Url> {
    let text = text.trim();
    let bad = |problem: &str| Error::Usage(tr!("the endpoint {problem}", problem));
    let whole = if text.contains("://") {
        text.to_owned()
    } else {
        format!("https://{text}")
    };
    // The text is not repeated: a password may be in it.
    let url = Url::parse(&whole).map_err(|error| bad(&tr!("is not a URL: {error}", error)))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(bad(tr!("must not carry a user name or a password")));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(bad(tr!("must be a base URL, without query or fragment")));
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        "http" => Err(bad(&tr!(
            "{url} must be https: http is for loopback addresses only",
            url
        ))),
        scheme => Err(bad(&tr!("must be https, and not {scheme}", scheme))),
    }
}

/// True if the URL names this machine: `localhost`, `127.0.0.0/8` or `::1`.
#[must_use]
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// True if this is a region whose host of ECS doesn't follow the rule.
pub(super) fn is_exception(region: &str) -> bool {
    exception(region).is_some()
}

fn ecs(region: &str, network: ConnectionType) -> String {
    match (exception(region), network) {
        (None, _) | (Some((_, true)), ConnectionType::Intranet) => by_rule("ecs", region, network),
        (Some((host, _)), _) => host.to_owned(),
    }
}

/// The regional host, where there is one; the central one for the regions that the SDK sends there.
fn sts(region: &str, network: ConnectionType) -> String {
    let internal = matches!(exception(region), Some((_, false)));
    if internal || matches!(region, "ap-south-1" | "ap-southeast-2") {
        "sts.aliyuncs.com".into()
    } else {
        by_rule("sts", region, network)
    }
}

/// The ECS host of a region outside the rule, and whether it has one inside the VPC.
fn exception(region: &str) -> Option<(&'static str, bool)> {
    let row = ECS_EXCEPTIONS.iter().find(|(name, ..)| *name == region);
    row.map(|(_, host, vpc)| (*host, *vpc))
}

fn kms(region: &str, network: ConnectionType) -> String {
    match (region, network) {
        ("ap-southeast-5", ConnectionType::Internet) => "kms.ap-southeast-1.aliyuncs.com".into(),
        _ => by_rule("kms", region, network),
    }
}

fn by_rule(product: &str, region: &str, network: ConnectionType) -> String {
    let vpc = match network {
        ConnectionType::Internet => "",
        ConnectionType::Intranet => "-vpc",
    };
    format!("{product}{vpc}.{region}.aliyuncs.com")
}

#[cfg(test)]
mod tests {
    use super::*;
    use ConnectionType::{Internet, Intranet};
    use Product::{Ecs, Kms, Sae, Sts};

    #[test]
    fn hosts_by_product_region_and_network() {
        #[rustfmt::skip]
        let cases = [
            (Ecs, "cn-hangzhou", Internet, "ecs-cn-hangzhou.aliyuncs.com"),
            (Ecs, "cn-hangzhou", Intranet, "ecs-vpc.cn-hangzhou.aliyuncs.com"),
            (Ecs, "cn-beijing", Internet, "ecs.cn-beijing.aliyuncs.com"),
            (Ecs, "cn-beijing", Intranet, "ecs-vpc.cn-beijing.aliyuncs.com"),
            (Ecs, "us-east-1", Internet, "ecs.us-east-1.aliyuncs.com"),
            (Ecs, "cn-north-2-gov-1", Internet, "ecs.aliyuncs.com"),
            (Ecs, "cn-north-2-gov-1", Intranet, "ecs-vpc.cn-north-2-gov-1.aliyuncs.com"),
            (Ecs, "cn-fujian", Intranet, "ecs-cn-hangzhou.aliyuncs.com"),
            (Ecs, "cn-edge-1", Internet, "ecs.cn-qingdao-nebula.aliyuncs.com"),
            (Ecs, "cn-zhangjiakou-na62-a01", Internet, "ecs.cn-zhangjiakou.aliyuncs.com"),
            (Ecs, "eu-west-1-oxs", Internet, "ecs.cn-shenzhen-cloudstone.aliyuncs.com"),
            (Sts, "cn-hangzhou", Internet, "sts.cn-hangzhou.aliyuncs.com"),
            (Sts, "cn-hangzhou", Intranet, "sts-vpc.cn-hangzhou.aliyuncs.com"),
            (Sts, "ap-south-1", Internet, "sts.aliyuncs.com"),
            (Sts, "cn-hangzhou-test-306", Internet, "sts.aliyuncs.com"),
            (Kms, "cn-beijing", Internet, "kms.cn-beijing.aliyuncs.com"),
            (Kms, "cn-beijing", Intranet, "kms-vpc.cn-beijing.aliyuncs.com"),
            (Kms, "ap-southeast-5", Internet, "kms.ap-southeast-1.aliyuncs.com"),
            (Sae, "cn-shenzhen", Internet, "sae.cn-shenzhen.aliyuncs.com"),
            (Sae, "cn-shenzhen", Intranet, "sae-vpc.cn-shenzhen.aliyuncs.com"),
        ];
        for (product, region, network, host_name) in cases {
            assert_eq!(
                host(product, region, network).ok().as_deref(),
                Some(host_name),
                "{product:?} {region}"
            );
        }
        for region in ["", "evil.example/", "cn hangzhou", "cn-杭州", "a@b"] {
            assert!(
                matches!(host(Ecs, region, Internet), Err(Error::Usage(_))),
                "{region}"
            );
        }
    }

    #[test]
    fn a_given_endpoint_holds_for_every_product() {
        for product in [Ecs, Sts, Kms, Sae] {
            let base =
                base(product, "cn-x", Internet, Some("http://127.0.0.1:8080")).expect("loopback");
            assert_eq!(base.as_str(), "http://127.0.0.1:8080/");
        }
        for (product, host) in [(Kms, "ecs.corp"), (Sts, "sts.cn-x.aliyuncs.com")] {
            let base = base(product, "cn-x", Internet, Some("https://ecs.corp")).expect("a host");
            assert_eq!(base.host_str(), Some(host));
        }
        let own = base(Ecs, "cn-beijing", Internet, None).expect("a host");
        assert_eq!(own.as_str(), "https://ecs.cn-beijing.aliyuncs.com/");
    }

    #[test]
    fn endpoints_that_are_taken_and_refused() {
        for (text, url) in [
            ("ecs.example", "https://ecs.example/"),
            ("ecs.example:8443", "https://ecs.example:8443/"),
            ("https://ecs.example/base", "https://ecs.example/base"),
            ("http://localhost:1", "http://localhost:1/"),
            ("http://[::1]:1", "http://[::1]:1/"),
            ("http://127.8.9.1", "http://127.8.9.1/"),
        ] {
            assert_eq!(parse(text).ok().as_ref().map(Url::as_str), Some(url));
        }
        for text in [
            "",
            "http://ecs.example",
            "http://localhost.evil.example",
            "http://10.0.0.1",
            "ftp://127.0.0.1",
            "https://user:hush@ecs.example",
            "http://hush@127.0.0.1",
            "https://ecs.example?key=hush",
            "https://ecs.example/#x",
            "https://ecs example",
        ] {
            let error = parse(text).expect_err(text);
            assert!(matches!(error, Error::Usage(_)));
            assert!(!error.to_string().contains("hush"), "{error}");
        }
    }
}
