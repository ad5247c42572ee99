//! What goes in and what comes out: from the lists of a row, from its kind, or from its id.

use gatewayz_catalog::{Modalities, Modality};
use serde::{Deserialize, Deserializer, de::Error as _};

use super::{InputKind, Mapping, Node, Reason, build::Draft};

/// What goes in and what comes out.
pub(crate) type InOut = (Modalities, Modalities);

const TEXT: Modalities = Modalities::TEXT;
const IMAGE: Modalities = Modalities::NONE.with(Modality::Image);
const AUDIO: Modalities = Modalities::NONE.with(Modality::Audio);
const VIDEO: Modalities = Modalities::NONE.with(Modality::Video);
const VECTOR: Modalities = Modalities::NONE.with(Modality::Embedding);
const SCORE: Modalities = Modalities::NONE.with(Modality::Score);
const SEEN: Modalities = TEXT.with(Modality::Image);

/// What a provider's word for a kind of model means: `text+image->text`, or `by-id`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KindWord {
    /// What goes in and what comes out.
    Is(Modalities, Modalities),
    /// The id tells.
    ById,
}

impl<'de> Deserialize<'de> for KindWord {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'_, str>::deserialize(deserializer)?;
        if text == "by-id" {
            return Ok(Self::ById);
        }
        arrow(&text).map_or_else(
            || {
                Err(D::Error::custom(format!(
                    "`{text}` is not `by-id` and not like `text+image->text`"
                )))
            },
            |(input, output)| Ok(Self::Is(input, output)),
        )
    }
}

/// Sets what goes in and comes out.
pub(super) fn set(mapping: &Mapping, row: &Node<'_>, draft: &mut Draft<'_>) {
    let id = draft.listing.id.shared();
    let by_kind = kind(mapping, row, draft);
    let (mut input, mut output) = by_kind.unwrap_or_else(|| by_id(&id));
    if let Some(both) = row.first(&mapping.modality).and_then(Node::text).and_then(arrow) {
        (input, output) = both;
    }
    if let Some(listed) = list(row.first(&mapping.input), draft) {
        input = listed;
    }
    if let Some(listed) = list(row.first(&mapping.output), draft) {
        output = listed;
    }
    for (InputKind(modality), conditions) in &mapping.input_if {
        if conditions.iter().any(|condition| condition.holds(row)) {
            input = input.with(*modality);
        }
    }
    draft.listing.input = input;
    draft.listing.output = output;
}

/// `text+image->text`
fn arrow(text: &str) -> Option<InOut> {
    let (input, output) = text.split_once("->")?;
    let side = |side: &str| {
        side.split(['+', ','])
            .map(Modality::from_word)
            .collect::<Option<Modalities>>()
    };
    let (input, output) = (side(input)?, side(output)?);
    (!input.is_empty() && !output.is_empty()).then_some((input, output))
}

fn list(node: Option<&Node<'_>>, draft: &mut Draft<'_>) -> Option<Modalities> {
    let mut found = Modalities::NONE;
    for word in node?.words() {
        match Modality::from_word(word) {
            Some(modality) => found = found.with(modality),
            None => draft.note(Reason::ModalityUnknown),
        }
    }
    (!found.is_empty()).then_some(found)
}

/// By the first known word for the kind; several are several outputs.
fn kind(mapping: &Mapping, row: &Node<'_>, draft: &mut Draft<'_>) -> Option<InOut> {
    let node = row.first(&mapping.kind)?;
    let words = node.words();
    let mut found: Option<InOut> = None;
    for word in &words {
        let known = match mapping
            .kinds
            .get(&word.to_ascii_lowercase())
            .or_else(|| mapping.kinds.get(*word))
        {
            Some(KindWord::ById) => Some(by_id(draft.listing.id.as_str())),
            Some(KindWord::Is(input, output)) => Some((*input, *output)),
            None => usual(word),
        };
        if let Some((input, output)) = known {
            let (all_input, all_output) = found.unwrap_or_default();
            found = Some((union(all_input, input), union(all_output, output)));
        }
    }
    if found.is_none() && !words.is_empty() {
        draft.note(Reason::ModalityUnknown);
    }
    found
}

fn union(one: Modalities, other: Modalities) -> Modalities {
    one.iter().chain(other.iter()).collect()
}

/// The words for kinds that most lists use.
fn usual(word: &str) -> Option<InOut> {
    let word = word.to_ascii_lowercase().replace(['_', ' '], "-");
    Some(match word.as_str() {
        "chat" | "language" | "llm" | "text" | "text-generation" | "text-to-text" | "completion" | "generate"
        | "code" => (TEXT, TEXT),
        "vlm" | "vision" | "image-text-to-text" | "multimodal" => (SEEN, TEXT),
        "ocr" => (IMAGE.with(Modality::File), TEXT),
        "image" | "images" | "text-to-image" | "image-generation" => (TEXT, IMAGE),
        "image-to-image" | "image-edit" | "inpainting" => (SEEN, IMAGE),
        "image-to-text" => (IMAGE, TEXT),
        "video" | "text-to-video" => (TEXT, VIDEO),
        "image-to-video" => (SEEN, VIDEO),
        "video-to-video" => (TEXT.with(Modality::Video), VIDEO),
        "audio" | "tts" | "speech" | "text-to-speech" | "text-to-audio" | "music" => (TEXT, AUDIO),
        "transcribe" | "transcription" | "stt" | "asr" | "speech-to-text" | "automatic-speech-recognition" => {
            (AUDIO, TEXT)
        }
        "audio-to-audio" | "speech-to-speech" => (AUDIO, AUDIO),
        "realtime" => (TEXT.with(Modality::Audio), TEXT.with(Modality::Audio)),
        "embedding" | "embeddings" | "embed" | "text-to-embedding" | "text-embeddings" | "feature-extraction" => {
            (TEXT, VECTOR)
        }
        "rerank" | "reranker" | "reranking" | "moderation" | "classification" | "classify" | "text-classification" => {
            (TEXT, SCORE)
        }
        _ => return None,
    })
}

/// What the id tells where the list says nothing. What has no such word in its id is a chat model, as most are.
pub(super) fn by_id(id: &str) -> InOut {
    let id = id.to_ascii_lowercase();
    let words: Vec<&str> = id.split(|c: char| !c.is_ascii_alphanumeric()).collect();
    let has = |known: &[&str]| words.iter().any(|word| known.contains(word));
    let begins = |known: &[&str]| {
        words
            .iter()
            .any(|word| known.iter().any(|known| word.starts_with(known)))
    };
    if begins(&["embed"]) || has(&["e5", "bge", "gte", "minilm", "mpnet", "text2vec", "embedqa", "nvclip"]) {
        return if has(&["reranker", "rerank"]) {
            (TEXT, SCORE)
        } else {
            (TEXT, VECTOR)
        };
    }
    if begins(&["rerank", "moderation"]) {
        return (TEXT, SCORE);
    }
    if begins(&["whisper", "transcribe", "parakeet"]) || has(&["asr", "stt"]) {
        return (AUDIO, TEXT);
    }
    if has(&["tts", "orpheus", "kokoro", "speech"]) {
        return (TEXT, AUDIO);
    }
    if has(&["audio", "realtime"]) {
        return (TEXT.with(Modality::Audio), TEXT.with(Modality::Audio));
    }
    if begins(&["sora", "veo"]) || has(&["t2v", "i2v", "video", "kling", "hunyuanvideo"]) {
        return (TEXT, VIDEO);
    }
    if has(&["gpt", "gemini", "chatgpt"]) && has(&["image"]) {
        return (SEEN, if has(&["gemini"]) { SEEN } else { IMAGE });
    }
    let draws = [
        "flux", "sdxl", "dall", "imagen", "seedream", "imagine", "recraft", "ideogram",
    ];
    if begins(&draws) || id.contains("stable-diffusion") || id.contains("-image") {
        return (TEXT, IMAGE);
    }
    (TEXT, TEXT)
}
