//! The registry: what it knows, and how it is changed.

use gatewayz_catalog::{Quote, Slug};
use gatewayz_providers::{Adapter, Auth, InvalidRegistry, ListSpec, Paging, Quirk, Registry, Zero};

fn builtin() -> Registry {
    Registry::builtin().unwrap()
}

/// The slugs of the reference gateway's registry and of its clients, and the further providers with a list.
const KNOWN: &str = "openai anthropic openrouter groq together fireworks vercel-ai-gateway google-vertex notdiamond \
    featherless chutes deepinfra cerebras nebius xai novita huggingface aimo near fal helicone alpaca alibaba clarifai \
    onerouter zai simplismart sybil aihubmix anannas cloudflare-workers-ai morpheus canopywave modelz cohere akash \
    nosana deepseek moonshot minimax xiaomi meta google-gemini azure-openai bedrock cloudflare-ai-gateway mistral \
    perplexity ai21 sambanova hyperbolic nvidia github-models github-copilot ollama ollama-cloud siliconflow zenmux \
    requesty venice kilo digitalocean nscale baseten ovhcloud scaleway io-net avian cortecs synthetic nano-gpt poe \
    wandb friendli heroku inference-net databricks snowflake llmgateway llamacpp gpustack litellm-proxy lm-studio";

#[test]
fn every_known_provider_is_there() {
    let registry = builtin();
    for slug in KNOWN.split_whitespace() {
        let adapter = registry.adapter(&Slug::new(slug).unwrap());
        assert!(adapter.is_some(), "{slug}");
    }
    assert_eq!(registry.iter().len(), KNOWN.split_whitespace().count());
    assert_eq!(registry.directory().iter().len(), registry.iter().len());
}

#[test]
fn aliases_resolve() {
    let registry = builtin();
    for (alias, slug) in [
        ("hug", "huggingface"),
        ("google", "google-vertex"),
        ("vercel", "vercel-ai-gateway"),
        ("nearai", "near"),
        ("alibaba-cloud", "alibaba"),
        ("alpaca-network", "alpaca"),
        ("infron", "onerouter"),
        ("OpenAI", "openai"),
    ] {
        assert_eq!(registry.resolve(alias).unwrap().slug().as_str(), slug, "{alias}");
    }
    assert!(registry.resolve("nobody").is_none());
}

/// Who can be asked has a list or rows of its own; who has neither says why.
#[test]
fn each_provider_has_a_list_or_a_reason() {
    for adapter in builtin().iter() {
        let provider = adapter.provider();
        let has_rows = adapter.list().is_some() || adapter.fixed().is_some();
        assert!(has_rows || adapter.unverified().contains("list"), "{}", provider.slug);
        assert!(
            !adapter.verified().is_empty() || !adapter.unverified().is_empty(),
            "{}",
            provider.slug
        );
        if let Some(list) = adapter.list() {
            let keyless = list.public || list.auth == Auth::None;
            assert!(
                keyless || !list.key_env.is_empty(),
                "{} needs a key and names none",
                provider.slug
            );
        }
        assert!(
            provider.color.as_deref().is_none_or(|color| color.starts_with("bg-")),
            "{}",
            provider.slug
        );
    }
}

#[test]
fn overrides_change_single_fields_and_add_providers() {
    let registry = builtin()
        .with_overrides(
            r#"
            [openai]
            active = false
            list = { url = "https://proxy.example.com/v1/models", auth = { header = "x-key" } }
            [groq.map.prices]
            quote = "usd-per-million"
            [mine]
            name = "Mine"
            aliases = ["my-own"]
            fixed = [{ id = "a/b", context_length = 4096, pricing = { prompt = "0.000001" } }]
            map = { prices = { prompt = ["pricing.prompt"] } }
            "#,
        )
        .unwrap();
    let openai = registry.resolve("openai").unwrap();
    assert!(!openai.provider().active);
    assert_eq!(openai.provider().name, "OpenAI");
    assert_eq!(openai.list().unwrap().url, "https://proxy.example.com/v1/models");
    assert_eq!(openai.list().unwrap().key_env, ["OPENAI_API_KEY"]);
    let mine = registry.resolve("my-own").unwrap().fixed().unwrap();
    assert_eq!(mine.listings[0].context_length.unwrap().get(), 4096);
    assert_eq!(mine.listings[0].pricing.prompt.unwrap().to_string(), "0.000001");
}

#[test]
fn mistakes_are_named_with_their_line() {
    for (text, words) in [
        ("[openai]\nactive = maybe", "line 2: not a table of providers"),
        ("x = 1", "line 1: not a table of providers"),
        ("\n[Open]\nname = \"x\"", "line 2: `Open` is no slug"),
        (
            "[opneai]\nactive = false",
            "line 1: there is no provider `opneai` (did you mean `openai`?)",
        ),
        (
            "[quite-another-thing]\nactive = false",
            "there is no provider `quite-another-thing`; a new one needs",
        ),
        ("[openai]\n\nactvie = false", "line 3: `openai`: unknown field `actvie`"),
        (
            "[openai]\nactive = false\n[openai.list]\nurll = \"x\"",
            "line 4: `openai`: unknown field `urll`",
        ),
        (
            "[openai.map.prices]\nprompt = [\"pricing prompt\"]",
            "line 2: `openai`: `pricing prompt` is not a path",
        ),
        (
            "[openai.map.prices]\nprompt = [\"p @ dollars\"]",
            "`p @ dollars` is not a price field",
        ),
        (
            "[openai.map.prices]\nquote = \"yen\"",
            "`openai`: unknown variant `yen`",
        ),
        (
            "[openai.list]\nurl = \"models\"",
            "line 2: `openai`: `url`: `models` is no URL",
        ),
        (
            "[openai.list]\nurl = \"http://example.com/\"",
            "neither https nor on this machine",
        ),
        (
            "[openai.list]\nurl = \"https://{name}/\"",
            "`name` is not the name of a setting",
        ),
        ("[openai.list]\nrows = \"a..b\"", "is not keys joined"),
        ("[openai]\naliases = [\"groq\"]", "two providers are called `groq`"),
        ("[openai]\naliases = [\"No Slug\"]", "is not spelled like a slug"),
        ("[new]\nname = \"New\"\nfixed = [{ name = \"x\" }]", "`fixed`"),
    ] {
        let error = builtin().with_overrides(text).unwrap_err();
        assert!(error.to_string().contains(words), "{text}: {error}");
    }
    let error = builtin().with_overrides("[opneai]\nactive = false").unwrap_err();
    assert!(matches!(error, InvalidRegistry::UnknownProvider { line: Some(1), .. }));
}

/// Where the documentation is, and between which lines its table.
const DOCS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/providers.md");
const BEGIN: &str = "<!-- table: begin -->\n";
const END: &str = "<!-- table: end -->\n";

/// The table of all providers, as the registry has them.
fn table() -> String {
    let mut out = "| slug | aliases | list | auth | pages | prices | verified by answers of | not verified |\n\
        |---|---|---|---|---|---|---|---|\n"
        .to_owned();
    for adapter in builtin().iter() {
        let provider = adapter.provider();
        let aliases: Vec<_> = provider.aliases.iter().map(|alias| format!("`{alias}`")).collect();
        let (list, auth, pages) = match adapter.list() {
            Some(list) => (list.url.clone(), auth(list), pages(&list.paging)),
            None if adapter.fixed().is_some() => ("none; fixed rows".to_owned(), String::new(), ""),
            None => ("none".to_owned(), String::new(), ""),
        };
        let slug = if provider.active {
            format!("`{}`", provider.slug)
        } else {
            format!("`{}` (off)", provider.slug)
        };
        out += &format!(
            "| {slug} | {} | {} | {auth} | {pages} | {} | {} | {} |\n",
            aliases.join(" "),
            list.replace('|', "\\|"),
            unit(adapter),
            adapter.verified(),
            adapter.unverified()
        );
    }
    out
}

fn auth(list: &ListSpec) -> String {
    let how = match &list.auth {
        Auth::None => return "none".to_owned(),
        Auth::Bearer => "bearer".to_owned(),
        Auth::Scheme(scheme) => format!("`{scheme}`"),
        Auth::Header(header) => format!("`{header}`"),
        Auth::GoogleServiceAccount => "service account".to_owned(),
        Auth::Exchange(_) => "exchanged token".to_owned(),
    };
    let keys: Vec<_> = list.key_env.iter().map(|key| format!("`{key}`")).collect();
    let public = if list.public { ", not needed" } else { "" };
    format!("{how} {}{public}", keys.join(" "))
}

const fn pages(paging: &Paging) -> &'static str {
    match paging {
        Paging::None => "one",
        Paging::Cursor { .. } => "cursor",
        Paging::Number { .. } => "numbers",
    }
}

fn unit(adapter: &Adapter) -> String {
    let mapping = adapter.mapping();
    let of_quirk = match mapping.quirk {
        Some(Quirk::NearAmounts) => Some("amount × 10^-scale dollars per token"),
        Some(Quirk::CloudflareProperties | Quirk::OnerouterSale | Quirk::ZenmuxAmounts) => Some("USD per million"),
        _ => None,
    };
    if let Some(unit) = of_quirk {
        return unit.to_owned();
    }
    let rules = match &mapping.offers {
        Some(offers) => &offers.prices,
        None => &mapping.prices,
    };
    if rules.prompt.is_empty() {
        return if adapter.provider().flat_rate {
            "flat rate"
        } else {
            "none"
        }
        .to_owned();
    }
    let unit = match rules.quote {
        Quote::UsdPerUnit => "USD per token",
        Quote::UsdPerThousand => "USD per thousand",
        Quote::UsdPerMillion => "USD per million",
        Quote::CentsPerUnit => "cents per token",
        Quote::TenThousandthsPerMillion => "1/10000 USD per million",
    };
    let zero = match rules.zero {
        Zero::Unknown => "",
        Zero::Free => ", 0 is free",
        Zero::Named => ", 0 is free where the id says so",
    };
    format!("{unit}{zero}")
}

/// `docs/providers.md` has the registry's table. Where it has not, what it should be is written beside the build.
#[test]
fn the_documentation_has_the_table() {
    let docs = std::fs::read_to_string(DOCS).unwrap();
    let (before, after) = docs.split_once(BEGIN).unwrap();
    let (found, after) = after.split_once(END).unwrap();
    let table = table();
    if found != table {
        let expected = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("providers.md");
        std::fs::write(&expected, format!("{before}{BEGIN}{table}{END}{after}")).unwrap();
        panic!(
            "docs/providers.md is not as the registry says; copy {} over it",
            expected.display()
        );
    }
}
