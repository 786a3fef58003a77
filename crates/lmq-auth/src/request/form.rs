/// What form of answer a caller of the OpenAPI asks for.
///
/// **Attacker's view.** With ACS3 it is read from a header that need not be signed: whoever stands in between may choose the form of an
/// answer, which he could change anyway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReplyFormat {
    /// `JSON`.
    Json,
    /// `XML`: what the oldest Java SDK asks for unless told otherwise.
    Xml,
}

impl ReplyFormat {
    /// Reads the parameter `Format`, in any case.
    pub(super) fn parse(text: &str) -> Option<Self> {
        [("json", Self::Json), ("xml", Self::Xml)]
            .into_iter()
            .find_map(|(name, format)| text.eq_ignore_ascii_case(name).then_some(format))
    }

    /// Reads the header `Accept`: the first of the two that it names.
    pub(super) fn accepted(header: &str) -> Option<Self> {
        header.split(',').find_map(|entry| {
            let essence = entry.split(';').next().unwrap_or(entry).trim();
            let subtype = essence.strip_prefix("application/").or_else(|| essence.strip_prefix("text/"))?;
            Self::parse(subtype)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_form_that_is_known_counts() {
        assert_eq!(ReplyFormat::parse("Json"), Some(ReplyFormat::Json));
        assert_eq!(ReplyFormat::parse("XML"), Some(ReplyFormat::Xml));
        assert_eq!(ReplyFormat::parse("RAW"), None);
        for (header, format) in [
            ("application/json", Some(ReplyFormat::Json)),
            ("text/html, text/xml;q=0.9, application/json", Some(ReplyFormat::Xml)),
            ("*/*", None),
            ("json", None),
        ] {
            assert_eq!(ReplyFormat::accepted(header), format, "{header}");
        }
    }
}
