use serde_json::json;

use super::*;
use crate::{
    Directory,
    enrich::ManualPrices,
    fixture::{listing, provider, snapshot, stored},
};

fn with_developer(key: i64, provider: &str, id: &str, developer: Option<&str>) -> crate::StoredModel {
    let mut listing = listing(id, None, None);
    listing.developer = developer.map(str::to_owned);
    stored(key, provider, listing)
}

fn few() -> Snapshot {
    snapshot(vec![
        with_developer(1, "groq", "a", Some("meta")),
        with_developer(2, "groq", "b", Some("meta")),
        with_developer(3, "together", "a", Some("meta")),
        with_developer(4, "novita", "c", Some("alibaba")),
        with_developer(5, "novita", "d", None),
    ])
}

#[test]
fn providers_stand_fast_first_then_by_name_those_without_rows_as_well() {
    let snapshot = few();
    let summaries = snapshot.provider_summaries();
    let seen: Vec<_> = summaries
        .iter()
        .map(|of| (of.provider.slug.as_str(), of.model_count))
        .collect();
    assert_eq!(seen, [("groq", 2), ("openrouter", 0), ("novita", 2), ("together", 1)]);
    assert_eq!(
        serde_json::to_value(&summaries[0]).unwrap(),
        json!({
            "id": "groq", "slug": "groq", "name": "groq", "color": null, "priority": "fast",
            "site_url": "https://groq.example",
            "logo_url": "https://www.google.com/s2/favicons?domain=groq.example&sz=128",
            "aliases": [], "model_count": 2, "source_gateway": "groq", "source_gateways": ["groq"],
            "moderated_by_openrouter": false,
        })
    );
}

#[test]
fn providers_that_are_off_are_not_shown() {
    let mut off = provider("off", Priority::Fast);
    off.active = false;
    let directory = Arc::new(Directory::new([off]).unwrap());
    let snapshot = Snapshot::build(directory, &ManualPrices::default(), Vec::new());
    assert!(snapshot.provider_summaries().is_empty());
}

#[test]
fn a_logo_is_that_of_the_host_and_of_nothing_else() {
    for (site, host) in [
        ("https://groq.com", Some("groq.com")),
        ("http://user:secret@api.groq.com:8443/a?b#c", Some("api.groq.com")),
        ("groq.com/models", Some("groq.com")),
        ("", None),
        ("https://", None),
        ("https://localhost", None),
        ("https://a.b&c=d", None),
        ("https://a.b\r\nx", None),
    ] {
        let logo = host.map(|host| format!("https://www.google.com/s2/favicons?domain={host}&sz=128"));
        assert_eq!(logo_url(site), logo, "{site}");
    }
}

#[test]
fn developers_have_their_rows_and_gateways_counted() {
    let snapshot = few();
    let all = snapshot.developer_summaries(&Gateway::All);
    let seen: Vec<_> = all
        .iter()
        .map(|of| (of.slug.as_ref(), of.model_count, of.gateways.len()))
        .collect();
    assert_eq!(seen, [("alibaba", 1, 1), ("meta", 3, 2)]);
    assert_eq!(
        serde_json::to_value(&all[1]).unwrap(),
        json!({
            "slug": "meta", "site_url": null, "logo_url": null, "moderated_by_openrouter": false,
            "source_gateway": "groq", "source_gateways": ["groq", "together"], "model_count": 3,
        })
    );
    let of_novita = snapshot.developer_summaries(&Gateway::Provider(Slug::new("novita").unwrap()));
    assert_eq!(of_novita.len(), 1);
    assert!(
        snapshot
            .developer_summaries(&Gateway::Provider(Slug::new("gone").unwrap()))
            .is_empty()
    );
}

#[test]
fn the_state_of_gateways_comes_from_outside() {
    let snapshot = few();
    let statuses = snapshot.gateway_statuses(|slug| match slug.as_str() {
        "groq" => Some((true, Some("status 500".to_owned()))),
        "together" => Some((false, Some("an old message".to_owned()))),
        _ => None,
    });
    assert_eq!(
        statuses.summary,
        GatewayStatusSummary {
            total_gateways: 4,
            total_models: 5,
            gateways_with_errors: 1,
            gateways_with_zero_models: 1,
        }
    );
    let json = serde_json::to_value(&statuses).unwrap();
    assert_eq!(
        json["data"][0],
        json!({
            "id": "groq", "name": "groq", "model_count": 2, "in_error_state": true, "error_message": "status 500",
            "priority": "fast",
        })
    );
    assert!(
        statuses
            .data
            .iter()
            .skip(1)
            .all(|status| !status.in_error_state && status.error_message.is_none())
    );
}
