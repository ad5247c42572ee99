//! What somebody may have meant who wrote something else.

/// The known words that are spelled most like another, the likest first: three at most, and none that is not alike.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let mut near: Vec<(usize, &str)> = known
        .into_iter()
        .map(|known| (distance(word, known), known))
        .filter(|(far, known)| *far <= 2.max(known.len() / 3))
        .collect();
    near.sort_unstable();
    near.dedup();
    near.into_iter().take(3).map(|(_, known)| known).collect()
}

/// How many letters have to be changed, put in or left out. Of long words, the first 128 letters count.
pub(crate) fn distance(one: &str, other: &str) -> usize {
    const LONGEST: usize = 128;
    let other: Vec<char> = other.chars().take(LONGEST).collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (above, a) in one.chars().take(LONGEST).enumerate() {
        let mut diagonal = above;
        row[0] = above + 1;
        for (at, b) in other.iter().enumerate() {
            let change = diagonal + usize::from(a != *b);
            diagonal = row[at + 1];
            row[at + 1] = change.min(diagonal + 1).min(row[at] + 1);
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::{distance, nearest};

    #[test]
    fn distances() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("same", "same"), 0);
        assert_eq!(distance(&"x".repeat(60_000), "x"), 127);
    }

    #[test]
    fn the_likest_come_first_and_others_not_at_all() {
        let known = ["groq", "grok", "openai", "groq"];
        assert_eq!(nearest("groqq", known), ["groq", "grok"]);
        assert!(nearest("something else", known).is_empty());
    }
}
