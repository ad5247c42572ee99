//! Tables for people.

/// The least that a column is shortened to.
const LEAST: usize = 8;
/// What stands between two columns.
const GAP: usize = 2;

/// Rows below headings, in columns. Numbers stand to the right.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
}

/// One column.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    heading: &'static str,
    right: bool,
}

/// A column of texts.
pub(crate) const fn left(heading: &'static str) -> Column {
    Column { heading, right: false }
}

/// A column of numbers.
pub(crate) const fn right(heading: &'static str) -> Column {
    Column { heading, right: true }
}

impl Table {
    /// No rows yet.
    pub(crate) fn new(columns: impl IntoIterator<Item = Column>) -> Self {
        Self {
            columns: columns.into_iter().collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row. Cells may come from anywhere: what would move a terminal's cursor is replaced.
    pub(crate) fn row<T: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = T>) {
        let shown = |c: char| if c.is_control() { '\u{fffd}' } else { c };
        let cell = |cell: T| cell.as_ref().chars().map(shown).collect();
        self.rows.push(cells.into_iter().map(cell).collect());
    }

    /// How many rows there are.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The text. Where there is a greatest width, texts are shortened as far as that helps; numbers never.
    pub(crate) fn render(&self, most: Option<usize>) -> String {
        let mut widths: Vec<usize> = self.columns.iter().map(|column| width(column.heading)).collect();
        for row in &self.rows {
            for (widest, cell) in widths.iter_mut().zip(row) {
                *widest = (*widest).max(width(cell));
            }
        }
        if let Some(most) = most {
            self.shorten(&mut widths, most);
        }
        let mut out = String::new();
        let headings: Vec<&str> = self.columns.iter().map(|column| column.heading).collect();
        self.line(&mut out, &widths, headings.into_iter());
        for row in &self.rows {
            self.line(&mut out, &widths, row.iter().map(String::as_str));
        }
        out
    }

    fn shorten(&self, widths: &mut [usize], most: usize) {
        let gaps = GAP * widths.len().saturating_sub(1);
        while widths.iter().sum::<usize>() + gaps > most {
            let texts = widths.iter_mut().zip(&self.columns).filter(|(_, column)| !column.right);
            match texts.map(|(width, _)| width).max() {
                Some(widest) if *widest > LEAST => *widest -= 1,
                _ => return,
            }
        }
    }

    fn line<'a>(&self, out: &mut String, widths: &[usize], cells: impl Iterator<Item = &'a str>) {
        let mut line = String::new();
        for ((at, cell), (column, &room)) in cells.enumerate().zip(self.columns.iter().zip(widths)) {
            if at > 0 {
                line.push_str(&" ".repeat(GAP));
            }
            let cell = cut(cell, room);
            let pad = " ".repeat(room.saturating_sub(width(&cell)));
            if column.right {
                line.push_str(&pad);
                line.push_str(&cell);
            } else {
                line.push_str(&cell);
                line.push_str(&pad);
            }
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
}

/// A number with its thousands apart.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

fn width(text: &str) -> usize {
    text.chars().count()
}

fn cut(text: &str, room: usize) -> String {
    if width(text) <= room {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(room.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

#[cfg(test)]
mod tests {
    use super::{Table, left, right, thousands};

    fn table() -> Table {
        let mut table = Table::new([left("id"), right("context"), left("modality")]);
        table.row(["a-rather-long-model-name", "8192", "text->text"]);
        table.row(["b", "1000000", ""]);
        table
    }

    #[test]
    fn numbers_stand_to_the_right_and_lines_end_with_their_text() {
        let text = table().render(None);
        let expected = "id                        context  modality\n\
                        a-rather-long-model-name     8192  text->text\n\
                        b                         1000000\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn texts_are_shortened_to_the_terminal_and_numbers_are_not() {
        let text = table().render(Some(32));
        assert!(text.lines().all(|line| line.chars().count() <= 32), "{text}");
        assert!(text.contains("1000000") && text.contains("a-rather-l…"), "{text}");
        // There is no room for anything: everything keeps its least width.
        let text = table().render(Some(1));
        assert!(text.contains("1000000") && text.contains("a-rathe…"), "{text}");
    }

    #[test]
    fn cells_cannot_move_the_cursor() {
        let mut table = Table::new([left("name")]);
        table.row(["evil\u{1b}[2J\r\nname"]);
        let text = table.render(None);
        assert!(!text.contains(['\u{1b}', '\r']), "{text:?}");
        assert_eq!(text.lines().count(), 2);
        assert_eq!(table.len(), 1);
    }

    #[test]
    fn thousands_stand_apart() {
        for (number, shown) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(thousands(number), shown);
        }
    }
}
