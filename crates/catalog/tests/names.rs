//! Canonical names: what the rules say, what public catalogues say, and what holds for any text.

use gatewayz_catalog::name::{self, MAX_CANONICAL, MAX_DISPLAY};
use proptest::{prelude::*, sample::select};

#[path = "names/truth.rs"]
mod truth;

fn canonical(provider: &str, id: &str) -> String {
    let mut out = String::from("what was there before");
    name::canonical(provider, id, None, &mut out);
    out
}

#[track_caller]
fn one_model(name: &str, offers: &[(&str, &str)]) {
    for (provider, id) in offers {
        assert_eq!(canonical(provider, id), name, "{provider}: {id}");
    }
}

#[test]
fn spellings_of_one_model_are_one() {
    one_model(
        "meta/llama-3.3-70b-instruct",
        &[
            ("openrouter", "meta-llama/llama-3.3-70b-instruct:free"),
            ("groq", "llama-3.3-70b-versatile"),
            ("cerebras", "llama-3.3-70b"),
            ("fireworks", "accounts/fireworks/models/llama-v3p3-70b-instruct"),
            ("together", "meta-llama/Llama-3.3-70B-Instruct-Turbo"),
            ("cloudflare-workers-ai", "@cf/meta/llama-3.3-70b-instruct-fp8-fast"),
            ("bedrock", "us.meta.llama3-3-70b-instruct-v1:0"),
            ("synthetic", "hf:meta-llama/Llama-3.3-70B-Instruct"),
            ("nvidia", "nvidia/Llama-3.3-70B-Instruct-FP8"),
            ("featherless", "unsloth/Llama-3.3-70B-Instruct"),
        ],
    );
    one_model(
        "anthropic/claude-sonnet-4.5",
        &[
            ("anthropic", "claude-sonnet-4-5-20250929"),
            ("openrouter", "anthropic/claude-sonnet-4.5"),
            ("google-vertex", "claude-sonnet-4-5@20250929"),
            ("bedrock", "global.anthropic.claude-sonnet-4-5-20250929-v1:0"),
            ("cortecs", "claude-4-5-sonnet"),
            ("databricks", "databricks-claude-sonnet-4-5"),
            ("nano-gpt", "claude-sonnet-4-5-20250929-thinking"),
        ],
    );
    one_model(
        "anthropic/claude-3.5-sonnet",
        &[
            ("anthropic", "claude-3-5-sonnet-20241022"),
            ("anthropic", "claude-3-5-sonnet-latest"),
        ],
    );
    one_model(
        "zai/glm-5",
        &[
            ("chutes", "zai-org/GLM-5-TEE"),
            ("venice", "zai-org-glm-5"),
            ("openrouter", "z-ai/glm-5"),
        ],
    );
    one_model(
        "xai/grok-4.3",
        &[
            ("orcarouter", "grok/grok-4.3"),
            ("venice", "grok-4-3"),
            ("openrouter", "x-ai/grok-4.3"),
        ],
    );
    one_model(
        "google/gemini-2.5-pro",
        &[
            ("google-gemini", "models/gemini-2.5-pro"),
            ("near", "google/gemini-2.5-pro"),
        ],
    );
    one_model(
        "google/gemini-2.0-flash",
        &[("google-vertex", "publishers/google/models/gemini-2.0-flash-001")],
    );
    one_model(
        "alibaba/qwen2.5-72b-instruct",
        &[("fireworks", "accounts/fireworks/models/qwen2p5-72b-instruct")],
    );
    one_model(
        "openai/gpt-5.2",
        &[("venice", "openai-gpt-52"), ("azure", "gpt-5.2-2025-12-11")],
    );
    one_model(
        "moonshotai/kimi-k2.6",
        &[("clarifai", "moonshotai/chat-completion/models/Kimi-K2_6")],
    );
    one_model("ai21/jamba-large-1.7", &[("ai21", "jamba-large-1.7-2025-07")]);
    one_model(
        "deepseek/deepseek-r1",
        &[
            ("bedrock", "us.deepseek.r1-v1:0"),
            ("novita", "deepseek/deepseek-r1-turbo"),
        ],
    );
}

#[test]
fn different_models_stay_apart() {
    let ids = [
        "openai/gpt-4o",
        "openai/gpt-4o-2024-05-13",
        "openai/gpt-4o-mini",
        "openai/gpt-4-turbo",
        "openai/gpt-4",
        "openai/chatgpt-4o-latest",
        "anthropic/claude-3-5-sonnet-20240620",
        "anthropic/claude-3-5-sonnet-20241022",
        "anthropic/claude-3-5-haiku",
        "meta-llama/Llama-3.1-8B",
        "meta-llama/Llama-3.1-8B-Instruct",
        "someone/Llama-3.1-8B-Instruct",
        "meta-llama/Llama-3.1-70B-Instruct",
        "qwen/qwen3-235b-a22b",
        "qwen/qwen3-235b-a22b-2507",
        "qwen/qwen3-235b-a22b-thinking-2507",
        "deepseek/deepseek-r1",
        "deepseek/deepseek-r1-0528",
        "deepseek/deepseek-r1:70b",
        "deepseek/deepseek-r1-distill-llama-70b",
        "moonshotai/kimi-k2-thinking",
        "moonshotai/kimi-k2-thinking-turbo",
        "z-ai/glm-5",
        "z-ai/glm-5-turbo",
        "x-ai/grok-4",
        "x-ai/grok-4-fast",
        "minimax/minimax-m2.5",
        "minimax/minimax-m2.5-highspeed",
        "google/gemini-2.5-flash",
        "google/gemini-2.5-flash-lite",
        "google/gemini-2.5-flash-preview-09-2025",
        "模型一",
        "模型二",
    ];
    let names: std::collections::BTreeSet<_> = ids.iter().map(|id| canonical("openrouter", id)).collect();
    assert_eq!(names.len(), ids.len(), "{names:#?}");
}

#[test]
fn the_developer_comes_from_the_id_the_name_the_list_or_the_provider() {
    let developer = |provider, id, listed| {
        let mut out = String::new();
        name::canonical(provider, id, listed, &mut out);
        name::parts(&out).0.map(str::to_owned)
    };
    assert_eq!(developer("x", "mistralai/some-model", None).as_deref(), Some("mistral"));
    assert_eq!(
        developer("x", "claude-opus-5", Some("openai")).as_deref(),
        Some("anthropic")
    );
    assert_eq!(
        developer("x", "some-model", Some("MistralAI")).as_deref(),
        Some("mistral")
    );
    assert_eq!(
        developer("openai", "babbage-002", Some("system")).as_deref(),
        Some("openai")
    );
    assert_eq!(developer("nvidia", "some-model", None), None);
    assert_eq!(developer("x", "some-model", Some("system")), None);
}

#[test]
fn names_for_people() {
    let cases = [
        (
            "Meta: Llama 3.3 70B Instruct (free)",
            "x",
            "Llama 3.3 70B Instruct (free)",
        ),
        ("Z.AI: GLM 5", "x", "GLM 5"),
        ("Note: not a developer", "x", "Note: not a developer"),
        ("  two\n\tlines\u{202e} \u{7} ", "x", "two lines"),
        ("", "llama-3.3-70b", "Llama 3.3 70B"),
        ("llama-3.3-70b", "llama-3.3-70b", "Llama 3.3 70B"),
        ("", "openai/gpt-4o-mini:free", "GPT-4o Mini (free)"),
        ("", "openai/gpt-oss-120b", "GPT OSS 120B"),
        ("", "claude-3-5-sonnet-20241022", "Claude 3.5 Sonnet 20241022"),
        (
            "",
            "us.anthropic.claude-sonnet-4-20250514-v1:0",
            "Claude Sonnet 4 20250514",
        ),
        ("", "accounts/fireworks/models/qwen3-235b-a22b", "Qwen3 235B A22B"),
        ("", "mistralai/Mixtral-8x7B-Instruct-v0.1", "Mixtral 8x7B Instruct v0.1"),
        ("", "mixtral-8x7b", "Mixtral 8x7B"),
        ("", "o3-mini", "o3 Mini"),
        ("", "///", "///"),
    ];
    for (raw, id, shown) in cases {
        assert_eq!(name::display(raw, id), shown, "{raw:?} {id}");
    }
}

/// What the rules reach, less a little; `docs/names.md` has the figures.
#[test]
fn public_catalogues_agree() {
    let data = |path: &str| gatewayz_testkit::shared_data(path);
    let (Some(archive), Some(openrouter)) = (
        data("catalogs/models-dev.toml.2026-07-02.tar.gz"),
        data("provider-models/openrouter.json"),
    ) else {
        return;
    };
    let offers = truth::models_dev(&archive).unwrap();
    let lists =
        ["openrouter.2025-04-09.json", "openrouter.2025-11-03.json"].map(|file| openrouter.with_file_name(file));
    let hugging_face = truth::hugging_face(&[&lists[..], &[openrouter]].concat()).unwrap();
    let floors = [
        (
            "models.dev, tuned",
            truth::score(&offers, truth::Offer::tuned),
            0.98,
            0.97,
            0.89,
        ),
        (
            "models.dev, held out",
            truth::score(&offers, |offer| !offer.tuned()),
            0.99,
            0.92,
            0.83,
        ),
        (
            "Hugging Face, tuned",
            truth::score(&hugging_face, truth::Offer::tuned),
            1.0,
            0.92,
            0.91,
        ),
        (
            "Hugging Face, held out",
            truth::score(&hugging_face, |offer| !offer.tuned()),
            1.0,
            0.95,
            0.93,
        ),
    ];
    for (what, score, precision, recall, exact) in floors {
        assert!(score.groups > 50, "{what}: {score}");
        assert!(score.precision() >= precision, "{what}: {score}");
        assert!(score.recall() >= recall, "{what}: {score}");
        assert!(score.exact() >= exact, "{what}: {score}");
    }
}

/// What holds for the name of any id.
fn check(provider: &str, id: &str, developer: Option<&str>) -> Result<(), TestCaseError> {
    let mut once = String::new();
    name::canonical(provider, id, developer, &mut once);
    prop_assert!(!once.is_empty() && once.len() <= MAX_CANONICAL, "{id:?}: {once}");
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
    let (developer, name) = name::parts(&once);
    for part in [developer.unwrap_or("none"), name] {
        prop_assert!(!part.is_empty() && part.bytes().all(plain), "{id:?}: {once}");
        prop_assert!(
            !part.starts_with(['-', '.']) && !part.ends_with(['-', '.']),
            "{id:?}: {once}"
        );
    }
    let mut twice = String::new();
    name::canonical("", &once, None, &mut twice);
    prop_assert_eq!(&once, &twice, "{:?}", id);
    let shown = name::display(id, id);
    prop_assert!(
        shown.len() <= MAX_DISPLAY && !shown.chars().any(char::is_control),
        "{shown:?}"
    );
    Ok(())
}

#[test]
fn recorded_ids_have_lasting_names() {
    let Some(index) = gatewayz_testkit::shared_data("provider-models/index.json") else {
        return;
    };
    let ids = truth::recorded_ids(&index).unwrap();
    assert!(ids.len() > 12_000);
    for (provider, id) in ids {
        check(&provider, &id, None).unwrap();
    }
}

/// Ids of the words that rules know.
fn likely_id() -> impl Strategy<Value = String> {
    let words = select(vec![
        "meta",
        "meta-llama",
        "openai",
        "anthropic",
        "us",
        "accounts",
        "models",
        "hf",
        "databricks",
        "coding",
        "z-ai",
        "llama",
        "llama3",
        "claude",
        "sonnet",
        "opus",
        "gpt",
        "gpt4o",
        "qwen",
        "qwen25",
        "gemini",
        "flash",
        "pro",
        "glm",
        "mistral",
        "small",
        "large",
        "nemotron",
        "nova",
        "ernie",
        "jamba",
        "2025-07",
        "pt",
        "v1",
        "v2",
        "v3p1",
        "3",
        "5",
        "0",
        "3.5",
        "4-5",
        "2507",
        "20240620",
        "2024-05-13",
        "12",
        "17",
        "001",
        "70b",
        "8x7b",
        "instruct",
        "it",
        "turbo",
        "fast",
        "fp8",
        "dynamic",
        "tee",
        "free",
        "latest",
        "thinking",
        "versatile",
        "instant",
        "r1",
        "o1",
        "k2",
        "m25",
        "unsloth",
        "é",
    ]);
    let joints = select(vec!["-", "-", "-", "/", ":", "@", ".", "_", " ", ""]);
    prop::collection::vec((words, joints), 1..9)
        .prop_map(|parts| parts.into_iter().flat_map(|(word, joint)| [word, joint]).collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2048, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn likely_ids_have_lasting_names(id in likely_id(), provider in select(vec!["", "cerebras", "bedrock", "openai", "fal"])) {
        check(provider, &id, None)?;
    }

    #[test]
    fn any_text_has_a_lasting_name(id in any::<String>(), provider in any::<String>(), developer in any::<Option<String>>()) {
        check(&provider, &id, developer.as_deref())?;
    }

}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn long_texts_have_lasting_names_of_their_own(id in "[a-zA-Z0-9/:.@é-]{100,600}") {
        check("", &id, None)?;
        prop_assert_ne!(canonical("", &format!("{id}x1")), canonical("", &format!("{id}x2")));
    }
}
