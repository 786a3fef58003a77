use std::fmt;

/// Why the gateway does not start, or stops: one line for the person who started it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Error(String);

impl Error {
    /// Control characters (a path may hold them) are escaped, so that the text stays one line.
    pub(crate) fn new(text: impl fmt::Display) -> Self {
        let text = text.to_string();
        let escape = |c: char| {
            if c.is_control() { c.escape_default().to_string() } else { c.to_string() }
        };
        Self(text.chars().map(escape).collect())
    }

    /// An error of the operating system, in its own words without the number.
    pub(crate) fn io(doing: impl fmt::Display, error: &std::io::Error) -> Self {
        Self::new(format_args!("{doing}: {}", plain(error)))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

fn plain(error: &std::io::Error) -> String {
    let text = error.to_string();
    let end = text.find(" (os error").unwrap_or(text.len());
    let mut text = text[..end].to_owned();
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_in_plain_words() {
        let error = std::io::Error::from_raw_os_error(2);
        assert_eq!(Error::io("cannot read a\nb", &error).to_string(), "cannot read a\\nb: no such file or directory");
    }
}
