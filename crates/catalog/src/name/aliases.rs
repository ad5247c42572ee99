//! Names that no rule makes one, each a fact about the two models: it is one.

/// Other names, and the names they are known by here. Sorted by the other name.
const ALIASES: &[(&str, &str)] = &[
    ("deepseek-chat-v3-0324", "deepseek-v3-0324"),
    ("deepseek-chat-v3.1", "deepseek-v3.1"),
    ("deepseek-prover-v2", "deepseek-prover-v2-671b"),
    ("gpt-3.5-turbo-latest", "gpt-3.5-turbo"),
    ("grok-4-0709", "grok-4"),
    ("grok-4.20-0309-non-reasoning", "grok-4.20-non-reasoning"),
    ("grok-4.20-0309-reasoning", "grok-4.20-reasoning"),
    ("grok-4.20-beta-0309-non-reasoning", "grok-4.20-non-reasoning"),
    ("grok-4.20-beta-0309-reasoning", "grok-4.20-reasoning"),
    ("kimi-k2-0711", "kimi-k2"),
    ("kimi-k2-0711-preview", "kimi-k2"),
    ("kimi-k2-0905-preview", "kimi-k2-0905"),
    ("kimi-k2-instruct", "kimi-k2"),
    ("kimi-k2-instruct-0905", "kimi-k2-0905"),
    ("l3-euryale-70b", "l3-70b-euryale-v2.1"),
    ("l3.1-euryale-70b", "l3.1-70b-euryale-v2.2"),
    ("l3.3-euryale-70b", "l3.3-70b-euryale-v2.3"),
    ("llama-3-70b-8192", "llama-3-70b-instruct"),
    ("llama-3-8b-8192", "llama-3-8b-instruct"),
    ("llama-3.3-70b", "llama-3.3-70b-instruct"),
    ("llama-4-maverick-17b-128e-instruct", "llama-4-maverick"),
    ("llama-4-maverick-17b-instruct", "llama-4-maverick"),
    ("llama-4-maverick-instruct", "llama-4-maverick"),
    ("llama-4-scout-17b-16e-instruct", "llama-4-scout"),
    ("llama-4-scout-17b-instruct", "llama-4-scout"),
    ("llama-4-scout-instruct", "llama-4-scout"),
    ("magistral-medium-1", "magistral-medium-2506"),
    ("minimax-01", "minimax-text-01"),
    ("mistral-large-3", "mistral-large-2512"),
    ("mistral-medium-3", "mistral-medium-2505"),
    ("mistral-medium-3.1", "mistral-medium-2508"),
    ("mistral-medium-3.5-128b", "mistral-medium-2604"),
    ("mistral-nemo-12b-instruct", "mistral-nemo"),
    ("mistral-nemo-instruct", "mistral-nemo"),
    ("mistral-nemo-instruct-2407", "mistral-nemo"),
    ("mistral-small-24b-instruct-2501", "mistral-small-2501"),
    ("mistral-small-3.1-24b-instruct", "mistral-small-2503"),
    ("mistral-small-3.2-24b-instruct", "mistral-small-2506"),
    ("mixtral-8x22b-instruct-v0.1", "mixtral-8x22b-instruct"),
    ("mixtral-8x7b-instruct-v0.1", "mixtral-8x7b-instruct"),
    ("nemotron-120b-a12b", "nemotron-3-super-120b-a12b"),
    ("nemotron-3-120b-a12b", "nemotron-3-super-120b-a12b"),
    ("nemotron-3-nano", "nemotron-3-nano-30b-a3b"),
    ("nemotron-3-nano-30b", "nemotron-3-nano-30b-a3b"),
    ("nemotron-3-nano-omni", "nemotron-3-nano-omni-30b-a3b-reasoning"),
    ("nemotron-3-super", "nemotron-3-super-120b-a12b"),
    ("nemotron-3-super-120b", "nemotron-3-super-120b-a12b"),
    ("nemotron-3-ultra", "nemotron-3-ultra-550b-a55b"),
    ("nemotron-3-ultra-550b", "nemotron-3-ultra-550b-a55b"),
    ("nemotron-nano-3-30b", "nemotron-3-nano-30b-a3b"),
    ("nemotron-super-3-120b", "nemotron-3-super-120b-a12b"),
    ("open-mistral-nemo", "mistral-nemo"),
    ("open-mistral-nemo-2407", "mistral-nemo"),
    ("open-mixtral-8x22b", "mixtral-8x22b-instruct"),
    ("open-mixtral-8x7b", "mixtral-8x7b-instruct"),
    ("phi-3.5-mini-128k-instruct", "phi-3.5-mini-instruct"),
    ("pixtral-12b-2409", "pixtral-12b"),
    ("qwen3-235b-a22b-2507", "qwen3-235b-a22b-instruct-2507"),
    ("qwen3-coder", "qwen3-coder-480b-a35b-instruct"),
    ("stepfun-3.5-flash", "step-3.5-flash"),
];

/// The name by which a model is known here, if it is another.
pub(super) fn plain(name: &str) -> Option<&'static str> {
    let at = ALIASES.binary_search_by(|(alias, _)| (*alias).cmp(name)).ok()?;
    ALIASES.get(at).map(|&(_, plain)| plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aliases_are_sorted_and_lead_to_names_that_are_none() {
        assert!(ALIASES.is_sorted_by(|a, b| a.0 < b.0));
        for (_, name) in ALIASES {
            assert_eq!(plain(name), None, "{name}");
        }
    }
}
