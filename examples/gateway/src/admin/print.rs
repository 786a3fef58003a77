//! Answers of the admin API for people.

use std::fmt::Write;

use serde_json::{Map, Value};
use time::OffsetDateTime;

/// An object: one line for each member, the name first; members of members with dots.
pub(super) fn object(value: &Value, name_field: &str) -> String {
    let mut lines = Vec::new();
    flatten("", value, &mut lines);
    lines.sort_by_key(|(member, _)| rank(member, name_field));
    let width = lines.iter().map(|(member, _)| title(member).len()).max().unwrap_or(0);
    let mut text = String::new();
    for (member, value) in &lines {
        let member = title(member);
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{member:width$}  {value}");
    }
    text
}

/// Objects: a line of names and a line for each; members with members of their own are left out.
pub(super) fn table(items: &[Value], name_field: &str) -> String {
    let Some(first) = items.first().and_then(Value::as_object) else {
        return "none\n".to_owned();
    };
    let mut columns: Vec<_> = first.iter().filter(|(_, value)| !value.is_object()).map(|(name, _)| &**name).collect();
    columns.sort_by_key(|column| rank(column, name_field));
    let empty = Map::new();
    let row = |item: &Value| -> Vec<String> {
        let members = item.as_object().unwrap_or(&empty);
        columns
            .iter()
            .map(|column| members.get(*column).map_or_else(String::new, |value| plain(column, value)))
            .collect()
    };
    let mut rows = vec![columns.iter().map(|column| title(column).to_uppercase()).collect::<Vec<_>>()];
    rows.extend(items.iter().map(row));
    let widths: Vec<_> =
        (0..columns.len()).map(|at| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        let line = cells.collect::<Vec<_>>().join("  ");
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

/// The name first, times last.
fn rank(member: &str, name_field: &str) -> (u8, String) {
    let group = match member {
        _ if member == name_field => 0,
        "origin" => 2,
        _ if member.ends_with("_ms") => 3,
        _ => 1,
    };
    (group, member.to_owned())
}

fn flatten(before: &str, value: &Value, lines: &mut Vec<(String, String)>) {
    let Some(members) = value.as_object() else {
        return lines.push((before.to_owned(), plain(before, value)));
    };
    for (name, value) in members {
        let path = if before.is_empty() { name.clone() } else { format!("{before}.{name}") };
        flatten(&path, value, lines);
    }
}

fn title(member: &str) -> &str {
    member.strip_suffix("_ms").unwrap_or(member)
}

fn plain(member: &str, value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => text.clone(),
        Value::Number(number) if member.ends_with("_ms") => number.as_i64().map_or_else(String::new, moment),
        other => other.to_string(),
    }
}

/// A moment in UTC, to the second.
fn moment(millis: i64) -> String {
    let Ok(at) = OffsetDateTime::from_unix_timestamp(millis / 1000) else { return millis.to_string() };
    let (year, month, day) = at.to_calendar_date();
    let (hour, minute, second) = at.to_hms();
    format!("{year:04}-{:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z", u8::from(month))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn for_people() {
        let item = json!({
            "created_ms": 1_764_068_582_123_i64, "group": "GID_a", "account": "acme", "origin": "api",
            "limits": { "max": null, "mode": "enforce" },
        });
        assert_eq!(
            object(&item, "group"),
            "group        GID_a\naccount      acme\nlimits.max   none\nlimits.mode  enforce\norigin       api\n\
             created      2025-11-25T11:03:02Z\n"
        );
        assert_eq!(
            table(&[item], "group"),
            "GROUP  ACCOUNT  ORIGIN  CREATED\nGID_a  acme     api     2025-11-25T11:03:02Z\n"
        );
        assert_eq!(table(&[], "group"), "none\n");
    }
}
