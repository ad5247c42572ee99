//! One spelling for what differs in case, separators and the writing of versions.

use std::fmt::Write as _;

/// Appends a word in lower case with `-` between its parts and `.` only inside of versions.
pub(super) fn append(text: &str, out: &mut String) {
    let bytes = text.as_bytes();
    let digit_at = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    dash(out);
    for (at, c) in text.char_indices() {
        match c {
            // `v3p1` is 3.1.
            '.' | 'p' | 'P' if out.ends_with(|c: char| c.is_ascii_digit()) && digit_at(at + 1) => out.push('.'),
            '+' => {
                dash(out);
                out.push_str("plus");
            }
            c if c.is_ascii_alphanumeric() => out.push(c.to_ascii_lowercase()),
            c if c.is_alphanumeric() => {
                // Writing to a string cannot fail.
                if write!(out, "u{:x}u", u32::from(c)).is_err() {
                    return;
                }
            }
            _ => dash(out),
        }
    }
    trim(out);
}

fn dash(out: &mut String) {
    if !out.is_empty() && !out.ends_with('-') {
        out.push('-');
    }
}

fn trim(out: &mut String) {
    while out.ends_with('-') {
        out.pop();
    }
}

/// Cuts a text that is longer than `max` bytes; a hash of all of it tells it apart from others with the same front.
pub(super) fn bound(text: &mut String, max: usize) {
    if text.len() <= max {
        return;
    }
    // 64 bits of FNV-1a: the same in every process and every release.
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    text.truncate(max.saturating_sub(18));
    while text.ends_with(['-', '.']) {
        text.pop();
    }
    // Where it was cut, a number may have become short enough for a version.
    join_versions(text);
    // Writing to a string cannot fail.
    if write!(text, "-h{hash:016x}").is_err() {
        text.clear();
    }
}

/// Makes `3-5` of `claude-3-5-sonnet` 3.5; leaves dates, sizes and longer numbers alone.
pub(super) fn join_versions(out: &mut String) {
    let mut from = 0;
    while let Some(at) = out.get(from..).and_then(|rest| rest.find('-')).map(|at| at + from) {
        from = at + 1;
        if joins(out.as_bytes(), at) {
            out.replace_range(at..=at, ".");
        }
    }
}

/// Whether the `-` at a position stands where a version has its point.
fn joins(name: &[u8], at: usize) -> bool {
    let (before, after) = (
        name.get(..at).unwrap_or_default(),
        name.get(at + 1..).unwrap_or_default(),
    );
    let major = before.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let minor = after.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let ends = matches!(after.get(minor), None | Some(b'-'));
    if !ends || !matches!((major, minor), (1, 1 | 2) | (2, 1)) {
        return false;
    }
    let (front, digits) = before.split_at(before.len() - major);
    let zero_leads = |digits: &[u8]| digits.len() > 1 && digits.first() == Some(&b'0');
    // Part of a date, or of a version that already has its point.
    let mut words = front.rsplit(|&byte| byte == b'-').filter(|word| !word.is_empty());
    let year = |word: Option<&[u8]>| {
        word.is_some_and(|word| word.len() == 4 && word.starts_with(b"20") && word.iter().all(u8::is_ascii_digit))
    };
    if front.ends_with(b".") || zero_leads(digits) || zero_leads(after.get(..minor).unwrap_or_default()) {
        return false;
    }
    let next = after
        .get(minor + 1..)
        .and_then(|rest| rest.split(|&byte| byte == b'-').next());
    let in_date = year(next) || (front.ends_with(b"-") && year(words.next()));
    !in_date
}
