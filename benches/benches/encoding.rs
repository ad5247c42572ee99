//! What it costs to write keys and values down for the shared tier, and to read them back.
#![expect(
    clippy::expect_used,
    reason = "a bench that cannot be set up has no other way to say so"
)]

use std::{hint::black_box, time::Duration};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use gatewayz_benches::{Rng, Workload};
use gatewayz_cache_core::{CacheKey, Codec, Json, Keyspace, Policy};
use serde::{Deserialize, Serialize};

const MODELS: Keyspace = Keyspace::new("models:catalog", Policy::new(Duration::from_secs(1800)));

fn keys(criterion: &mut Criterion) {
    let workload = Workload::new();
    let plain = workload.keys()[0].clone();
    let escaped = plain.replace(['-', ':'], " ");
    key(criterion, "text", &plain);
    key(criterion, "text_with_escapes", &escaped);
    key(criterion, "text_and_number", &(plain, 7_u64));
    key(criterion, "digest", &[0xa5_u8; 32]);
}

/// The part alone, the whole name, and the way back.
fn key<K: CacheKey>(criterion: &mut Criterion, kind: &str, key: &K) {
    let mut group = criterion.benchmark_group("encoding/key");
    let mut part = String::with_capacity(256);
    group.bench_function(BenchmarkId::new("encode", kind), |bencher| {
        bencher.iter(|| {
            part.clear();
            black_box(key).encode(&mut part);
            black_box(part.len())
        });
    });
    group.bench_function(BenchmarkId::new("shared_name", kind), |bencher| {
        bencher.iter(|| black_box(MODELS.shared_name(black_box(key))));
    });
    let name = MODELS.shared_name(key);
    assert!(MODELS.key::<K>(&name).as_ref() == Some(key), "{name} is read back");
    group.bench_function(BenchmarkId::new("key", kind), |bencher| {
        bencher.iter(|| black_box(MODELS.key::<K>(black_box(&name))));
    });
    group.finish();
}

fn values(criterion: &mut Criterion) {
    let json = Json::<Vec<Model>>::default();
    let mut group = criterion.benchmark_group("encoding/json");
    for (size, bytes) in [("1kB", 1 << 10), ("16kB", 16 << 10), ("1MB", 1 << 20)] {
        let models = models(bytes);
        let encoded = json.encode(&models).expect("models have a form in JSON");
        assert!(
            json.decode(&encoded).ok().as_ref() == Some(&models),
            "{size} comes back"
        );
        group.throughput(Throughput::Bytes(encoded.len() as u64));
        group.bench_function(BenchmarkId::new("encode", size), |bencher| {
            bencher.iter(|| black_box(json.encode(black_box(&models))));
        });
        group.bench_function(BenchmarkId::new("decode", size), |bencher| {
            bencher.iter(|| black_box(json.decode(black_box(&encoded))));
        });
    }
    group.finish();
}

/// Some fields of a model, as a catalogue has them.
#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct Model {
    id: String,
    context_length: u32,
    prompt_price: String,
    completion_price: String,
    supported_parameters: Vec<String>,
}

/// As many models as make about so many bytes of JSON.
fn models(bytes: usize) -> Vec<Model> {
    /// About the length of one.
    const MODEL: usize = 180;
    let mut rng = Rng::new(1);
    let mut model = || {
        let (number, price) = (rng.below(100_000), rng.below(1_000_000));
        Model {
            id: format!("provider-{}/model-{number}", number % 47),
            context_length: 1024 << (number % 8),
            prompt_price: format!("0.{price:07}"),
            completion_price: format!("0.{:07}", price * 4),
            supported_parameters: ["temperature", "top_p", "tools", "seed"].map(str::to_owned).to_vec(),
        }
    };
    (0..bytes / MODEL).map(|_| model()).collect()
}

criterion_group!(benches, keys, values);
criterion_main!(benches);
