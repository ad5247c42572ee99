//! What goes into a model and what comes out.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One kind of content.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum Modality {
    /// Text.
    Text,
    /// Images.
    Image,
    /// Files, such as PDF.
    File,
    /// Sound, speech.
    Audio,
    /// Moving pictures.
    Video,
    /// Vectors: the output of embedding models.
    Embedding,
    /// Scores: the output of rerankers, classifiers and moderation.
    Score,
}

impl Modality {
    /// All, in the order in which they are written.
    pub const ALL: [Self; 7] = [
        Self::Text,
        Self::Image,
        Self::File,
        Self::Audio,
        Self::Video,
        Self::Embedding,
        Self::Score,
    ];

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Image => "image",
            Self::File => "file",
            Self::Audio => "audio",
            Self::Video => "video",
            Self::Embedding => "embedding",
            Self::Score => "score",
        }
    }

    /// What a word of a provider means, in any case; `None` for a word that none of them uses.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        let word = word.trim();
        let is = |words: &[&str]| words.iter().any(|known| known.eq_ignore_ascii_case(word));
        if is(&["text", "chat", "language", "code"]) {
            Some(Self::Text)
        } else if is(&["image", "images", "vision"]) {
            Some(Self::Image)
        } else if is(&["file", "files", "pdf", "document"]) {
            Some(Self::File)
        } else if is(&["audio", "speech", "sound", "music"]) {
            Some(Self::Audio)
        } else if is(&["video", "videos"]) {
            Some(Self::Video)
        } else if is(&["embedding", "embeddings", "vector"]) {
            Some(Self::Embedding)
        } else if is(&["score", "scores", "rerank", "classification", "moderation"]) {
            Some(Self::Score)
        } else {
            None
        }
    }
}

/// A set of modalities. As JSON a list of words.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Modalities(u8);

impl Modalities {
    /// No modality.
    pub const NONE: Self = Self(0);
    /// Text alone.
    pub const TEXT: Self = Self(1);

    /// The set with one more.
    #[must_use]
    pub const fn with(self, modality: Modality) -> Self {
        Self(self.0 | 1 << modality as u8)
    }

    /// Whether it is in the set.
    #[must_use]
    pub const fn contains(self, modality: Modality) -> bool {
        self.0 & 1 << modality as u8 != 0
    }

    /// Whether all of another set are in this one.
    #[must_use]
    pub const fn contains_all(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Those in the set, in their order.
    pub fn iter(self) -> impl Iterator<Item = Modality> {
        Modality::ALL
            .into_iter()
            .filter(move |&modality| self.contains(modality))
    }
}

impl FromIterator<Modality> for Modalities {
    fn from_iter<I: IntoIterator<Item = Modality>>(modalities: I) -> Self {
        modalities.into_iter().fold(Self::NONE, Self::with)
    }
}

/// `text+image`
impl fmt::Display for Modalities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, modality) in self.iter().enumerate() {
            if at > 0 {
                f.write_str("+")?;
            }
            f.write_str(modality.as_str())?;
        }
        Ok(())
    }
}

impl fmt::Debug for Modalities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Modalities {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(Modality::as_str))
    }
}

impl<'de> Deserialize<'de> for Modalities {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Vec::<Modality>::deserialize(deserializer)?.into_iter().collect())
    }
}
