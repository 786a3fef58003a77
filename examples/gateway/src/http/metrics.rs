//! The text format of Prometheus, version 0.0.4.

use std::fmt::Write;

/// A page of counters and gauges.
#[derive(Debug, Default)]
pub(crate) struct Page(String);

impl Page {
    /// A number that only grows, one sample for each set of labels.
    pub(crate) fn counter(&mut self, name: &str, help: &str, samples: &[(&[(&str, &str)], u64)]) {
        self.family(name, help, "counter", samples);
    }

    /// A number of now.
    pub(crate) fn gauge(&mut self, name: &str, help: &str, samples: &[(&[(&str, &str)], u64)]) {
        self.family(name, help, "gauge", samples);
    }

    pub(crate) fn into_text(self) -> String {
        self.0
    }

    fn family(&mut self, name: &str, help: &str, kind: &str, samples: &[(&[(&str, &str)], u64)]) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "# HELP {name} {}\n# TYPE {name} {kind}", escape(help));
        for (labels, value) in samples {
            self.0.push_str(name);
            for (index, (label, text)) in labels.iter().enumerate() {
                let before = if index == 0 { '{' } else { ',' };
                let _ = write!(self.0, "{before}{label}=\"{}\"", escape(text).replace('"', "\\\""));
            }
            let after = if labels.is_empty() { "" } else { "}" };
            let _ = writeln!(self.0, "{after} {value}");
        }
    }
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_format() {
        let mut page = Page::default();
        page.gauge("lmq_connections", "Connections.", &[(&[], 3)]);
        page.counter("lmq_x_total", "A \\ and a\nline.", &[(&[("a", "1"), ("b", "\"\n")], 0), (&[("a", "2")], 7)]);
        assert_eq!(
            page.into_text(),
            "# HELP lmq_connections Connections.\n# TYPE lmq_connections gauge\nlmq_connections 3\n\
             # HELP lmq_x_total A \\\\ and a\\nline.\n# TYPE lmq_x_total counter\n\
             lmq_x_total{a=\"1\",b=\"\\\"\\n\"} 0\nlmq_x_total{a=\"2\"} 7\n"
        );
    }
}
