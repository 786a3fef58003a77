/// What form of answer a caller of the OpenAPI asks for.
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
