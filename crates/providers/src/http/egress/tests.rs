use super::{EgressPolicy, forbidden};

const FORBIDDEN: &[&str] = &[
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "100.127.255.255",
    "127.0.0.1",
    "127.255.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.0.170",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.7",
    "203.0.113.7",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    // IPv6
    "::",
    "::1",
    "::2",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:100.64.0.1",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a00:1",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:0:7f00:1::",
    "2001:2::1",
    "2001:10::1",
    "2001:20::1",
    "2001:1ff::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:a00:1::1",
    "3fff::1",
    "3fff:fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "febf::1",
    "fec0::1",
    "ff02::1",
    "4000::1",
    "1fff::1",
];

const GLOBAL: &[&str] = &[
    "1.1.1.1",
    "8.8.8.8",
    "100.63.255.255",
    "100.128.0.1",
    "172.15.0.1",
    "172.32.0.1",
    "192.0.1.1",
    "192.167.1.1",
    "198.17.0.1",
    "198.20.0.1",
    "223.255.255.255",
    "::ffff:8.8.8.8",
    "2001:200::1",
    "2001:4860:4860::8888",
    "2606:4700::1111",
    "2a00:1450:4001::1",
    "3fff:1000::1",
];

#[test]
fn only_global_unicast_is_let_through() {
    for text in FORBIDDEN {
        assert!(forbidden(text.parse().unwrap()).is_some(), "{text} must be refused");
    }
    for text in GLOBAL {
        assert_eq!(forbidden(text.parse().unwrap()), None, "{text} is global");
    }
}

#[test]
fn a_host_is_allowed_by_its_whole_name_in_any_spelling() {
    let policy = EgressPolicy::new()
        .with_allowed_host("Models.Local")
        .with_allowed_host("[::1]");
    for host in ["models.local", "MODELS.LOCAL", "models.local.", "::1", "[::1]"] {
        assert!(policy.allows(host), "{host}");
    }
    for host in ["local", "a.models.local", "models.local.example.com", "localhost", ""] {
        assert!(!policy.allows(host), "{host}");
    }
}
