//! The ids of the regions that ECS has.

use super::endpoint;

/// The regions that DescribeRegions lists, and those of the clouds for finance and government.
pub(crate) const REGIONS: [&str; 41] = [
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ap-southeast-8",
    "cn-beijing",
    "cn-beijing-finance-1",
    "cn-chengdu",
    "cn-fuzhou",
    "cn-guangzhou",
    "cn-hangzhou",
    "cn-hangzhou-finance",
    "cn-heyuan",
    "cn-heyuan-acdr-1",
    "cn-hongkong",
    "cn-huhehaote",
    "cn-nanjing",
    "cn-north-2-gov-1",
    "cn-qingdao",
    "cn-shanghai",
    "cn-shanghai-finance-1",
    "cn-shenzhen",
    "cn-shenzhen-finance-1",
    "cn-wuhan-lr",
    "cn-wulanchabu",
    "cn-zhangjiakou",
    "cn-zhengzhou-jva",
    "cn-zhongwei",
    "eu-central-1",
    "eu-west-1",
    "me-central-1",
    "me-east-1",
    "na-south-1",
    "us-east-1",
    "us-southeast-1",
    "us-west-1",
];

/// True if this is the id of a region.
#[must_use]
pub(crate) fn is_known(id: &str) -> bool {
    REGIONS.contains(&id) || endpoint::is_exception(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_are_known_exactly() {
        assert!(is_known("cn-beijing") && is_known("cn-hangzhou-test-306"));
        assert!(!is_known("cn-Beijing") && !is_known("beijing") && !is_known(""));
        assert!(REGIONS.is_sorted());
    }
}
