//! Reads the vector files: `input => outcome`, one a line, `#` for comments.

use std::path::Path;

/// One line of a vector file.
pub(crate) struct Vector {
    /// File and line, for messages.
    pub(crate) place: String,
    pub(crate) input: String,
    pub(crate) outcome: String,
    /// Written with `=>`: the outcome encodes back to the same input. With `~>`: it does not.
    pub(crate) exact: bool,
}

/// Reads a file of `tests/vectors`; `<EMPTY>` is the empty input.
pub(crate) fn read(file: &str) -> Vec<Vector> {
    let vectors: Vec<Vector> = lines(file).map(|(place, line)| vector(place, &line)).collect();
    assert!(!vectors.is_empty(), "{file} has no vectors");
    vectors
}

/// The lines of a file of `tests/vectors` that are not comments, with their places.
pub(crate) fn lines(file: &str) -> impl Iterator<Item = (String, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(file);
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let lines: Vec<_> = text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .map(|(number, line)| (format!("{file}:{}", number + 1), line.to_owned()))
        .collect();
    lines.into_iter()
}

fn vector(place: String, line: &str) -> Vector {
    let padded = format!("{line} ");
    let exact = padded.split_once(" => ").map(|(input, outcome)| (input, outcome, true));
    let other = padded.split_once(" ~> ").map(|(input, outcome)| (input, outcome, false));
    let (input, outcome, exact) =
        exact.or(other).unwrap_or_else(|| panic!("{place}: neither => nor ~>"));
    let input = if input == "<EMPTY>" { "" } else { input }.to_owned();
    Vector { place, input, outcome: outcome.trim_end().to_owned(), exact }
}

/// Reads `0a1bff`.
pub(crate) fn hex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2), "half a byte in {text:?}");
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hexadecimal digits"))
        .collect()
}

/// Writes `0a1bff`.
pub(crate) fn to_hex(bytes: &[u8]) -> String {
    let digit = |bits: u8| char::from_digit(bits.into(), 16).expect("four bits");
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// Reads bytes as `websocket_server.txt` writes them.
pub(crate) fn bytes(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for word in text.split_whitespace() {
        let (unit, times) = word.split_once('*').unwrap_or((word, "1"));
        let unit = match unit.strip_prefix('\'').and_then(|unit| unit.strip_suffix('\'')) {
            Some(ascii) => ascii.as_bytes().to_vec(),
            None => hex(unit),
        };
        for _ in 0..times.parse().expect("a number behind *") {
            bytes.extend_from_slice(&unit);
        }
    }
    bytes
}
