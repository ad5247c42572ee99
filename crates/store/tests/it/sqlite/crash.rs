//! A program that is killed while it writes.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Command, Stdio},
};

use gatewayz_catalog::{CatalogStore as _, WriteMode};

use crate::support::{NOON, listing, open, provider, shown, slug, sqlite_file};

/// Names the file to the second process. Without it that test has nothing to do.
const FILE: &str = "GATEWAYZ_STORE_TEST_CRASH";
const ROWS: usize = 300;

#[tokio::test]
async fn a_killed_writer_leaves_a_whole_list() {
    let place = sqlite_file().await;
    place.store.put_providers(&[provider("acme")]).await.unwrap();
    for lines in [1, 2, 5] {
        let mut writer = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "sqlite::crash::writes_lists_until_it_is_killed",
                "--nocapture",
            ])
            .env(FILE, &place.url)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(writer.stdout.take().unwrap()).lines();
        let mut last = None;
        for _ in 0..lines {
            last = output
                .by_ref()
                .find_map(|line| line.unwrap().strip_prefix("wrote ").map(str::to_owned));
        }
        writer.kill().unwrap();
        writer.wait().unwrap();
        let last: u32 = last.unwrap().parse().unwrap();

        let shown = shown(&open(&place.url).await).await;
        assert_eq!(shown.len(), ROWS);
        let version: u32 = shown[0].1.strip_prefix("version ").unwrap().parse().unwrap();
        assert!(shown.iter().all(|(_id, other)| *other == shown[0].1), "{shown:?}");
        assert!(version >= last, "what was answered stays: {version}, {last}");
    }
}

#[tokio::test]
async fn writes_lists_until_it_is_killed() {
    let Some(url) = std::env::var_os(FILE) else {
        return;
    };
    let store = open(url.to_str().unwrap()).await;
    let before = shown(&store).await;
    let first = before
        .first()
        .map_or(0, |(_id, version)| version["version ".len()..].parse().unwrap());
    for version in first + 1..first + 100_000 {
        let list: Vec<_> = (0..ROWS).map(|n| listing(&format!("model-{n}"), version)).collect();
        store
            .replace_models(&slug("acme"), &list, NOON, WriteMode::Apply)
            .await
            .unwrap();
        if writeln!(std::io::stdout(), "\nwrote {version}").is_err() {
            return;
        }
    }
}
