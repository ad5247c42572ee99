//! The section of a documentation page that a run writes.

const BEGIN: &str = "<!-- http:begin -->";
const END: &str = "<!-- http:end -->";
const HEADING: &str = "## The gateway over HTTP";

/// Returns the page with `content` between the markers; a page without markers gets a section of its own at its end.
///
/// # Errors
///
/// Returns what is wrong with the markers.
pub(crate) fn put(page: &str, content: &str) -> Result<String, String> {
    let content = content.trim();
    match (page.match_indices(BEGIN).count(), page.match_indices(END).count()) {
        (0, 0) => Ok(format!(
            "{}\n\n{HEADING}\n\n{BEGIN}\n{content}\n{END}\n",
            page.trim_end()
        )),
        (1, 1) => {
            let parts = page
                .split_once(BEGIN)
                .and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
            let (before, after) = parts.ok_or_else(|| format!("{END} stands before {BEGIN}"))?;
            Ok(format!("{before}{BEGIN}\n{content}\n{END}{after}"))
        }
        _ => Err(format!("{BEGIN} and {END} must stand once each")),
    }
}

#[cfg(test)]
mod tests {
    use super::{BEGIN, END, put};

    #[test]
    fn a_page_without_markers_gets_a_section() {
        let page = put("# Title\n\ntext\n", "table\n").unwrap();
        let expect = format!("# Title\n\ntext\n\n## The gateway over HTTP\n\n{BEGIN}\ntable\n{END}\n");
        assert_eq!(page, expect);
        assert_eq!(put(&page, "table").unwrap(), page);
    }

    #[test]
    fn only_what_is_between_the_markers_changes() {
        let page = format!("before\n{BEGIN}\nold\nold\n{END}\n\n## After\n");
        assert_eq!(
            put(&page, "new").unwrap(),
            format!("before\n{BEGIN}\nnew\n{END}\n\n## After\n")
        );
    }

    #[test]
    fn broken_markers_are_told() {
        for page in [
            BEGIN.to_owned(),
            END.to_owned(),
            format!("{END}{BEGIN}"),
            format!("{BEGIN}{END}{END}"),
        ] {
            assert!(put(&page, "new").is_err(), "{page}");
        }
    }
}
