//! Words in messages: what somebody may have meant, and texts from outside made fit to be shown.

/// The candidate whose name is so near to a word that it may have been meant.
pub(crate) fn nearest<'a, T>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a T>,
    name: impl Fn(&T) -> String,
) -> Option<&'a T> {
    let word = word.to_lowercase().replace('_', "-");
    let with_distance = candidates.into_iter().map(|candidate| {
        let name = name(candidate).to_lowercase().replace('_', "-");
        // One slip for every three letters, those apart that all candidates begin with.
        let own = name.trim_start_matches("palabre").trim_start_matches('-');
        (edit_distance(&word, &name), (own.len() / 3).max(1), candidate)
    });
    let near = with_distance.filter(|(distance, allowed, _)| distance <= allowed);
    near.min_by_key(|(distance, ..)| *distance).map(|(.., candidate)| candidate)
}

/// How many letters must be changed, added, left out or swapped with their neighbour.
fn edit_distance(from: &str, to: &str) -> usize {
    const LETTERS_MAX: usize = 64;
    let from: Vec<char> = from.chars().take(LETTERS_MAX).collect();
    let to: Vec<char> = to.chars().take(LETTERS_MAX).collect();
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    for (row, letter) in from.iter().enumerate() {
        let mut current = vec![row + 1];
        for (column, other) in to.iter().enumerate() {
            let replaced = last[column] + usize::from(letter != other);
            let mut best = replaced.min(last[column + 1] + 1).min(current[column] + 1);
            let swapped =
                row > 0 && column > 0 && from[row - 1] == *other && to[column - 1] == *letter;
            if swapped {
                best = best.min(before_last[column - 1] + 1);
            }
            current.push(best);
        }
        before_last = std::mem::replace(&mut last, current);
    }
    last[to.len()]
}

/// Fit for a place in one line of a terminal.
pub(crate) fn shortened(text: &str) -> String {
    const CHARS_MAX: usize = 80;
    match text.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => format!("{}…", one_line(&text[..end])),
        None => one_line(text),
    }
}

/// Without characters that end a line, move the cursor or turn the direction of what follows.
pub(super) fn one_line(text: &str) -> String {
    let is_odd =
        |c: char| c.is_control() || matches!(c, '\u{200E}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        if is_odd(c) { line.extend(c.escape_default()) } else { line.push(c) }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_forgiven_and_another_word_is_not() {
        const NAMES: [&str; 4] = ["port", "lobby", "base-path", "room-entries"];
        let cases = [
            ("prot", Some("port")),
            ("Port", Some("port")),
            ("ports", Some("port")),
            ("lobyb", Some("lobby")),
            ("BASE_PATH", Some("base-path")),
            ("basepath", Some("base-path")),
            ("room-entires", Some("room-entries")),
            ("host", None),
            ("colour", None),
            ("", None),
        ];
        for (word, want) in cases {
            let found = nearest(word, &NAMES, |name| (*name).to_owned());
            assert_eq!(found.copied(), want, "{word}");
        }
    }

    #[test]
    fn distances_count_slips() {
        let cases =
            [("", "", 0), ("", "ab", 2), ("ab", "ab", 0), ("ab", "ba", 1), ("abc", "axc", 1)];
        for (from, to, slips) in cases {
            assert_eq!(edit_distance(from, to), slips, "{from} {to}");
            assert_eq!(edit_distance(to, from), slips, "{to} {from}");
        }
    }

    #[test]
    fn shown_texts_stay_in_their_line() {
        assert_eq!(shortened("café"), "café");
        assert_eq!(shortened("a\nb\u{1b}[2J\u{202E}"), "a\\nb\\u{1b}[2J\\u{202e}");
        assert_eq!(shortened(&"é".repeat(80)), "é".repeat(80));
        assert_eq!(shortened(&"é".repeat(81)), format!("{}…", "é".repeat(80)));
    }
}
