//! The printed schemas are those that are checked in: a change of a table is seen in review, and is on purpose.
//!
//! `CALLAKE_BLESS=1 cargo test --test schema` writes them anew.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use callake::schema::{self, render::Format, render::render, views::Dialect, views::views};

const FORMATS: [(Format, &str); 5] = [
    (Format::Arrow, "arrow.txt"),
    (Format::JsonSchema, "schema.json"),
    (Format::DuckDb, "duckdb.sql"),
    (Format::Spark, "spark.sql"),
    (Format::Markdown, "md"),
];

#[test]
fn printed_schemas_are_the_checked_in_ones() {
    for table in schema::tables() {
        for (format, ending) in FORMATS {
            check(
                &format!("tests/rendered/{}.{ending}", table.name),
                &render(table, format),
            );
        }
        for (dialect, engine) in [(Dialect::DuckDb, "duckdb"), (Dialect::Spark, "spark")] {
            check(
                &format!("tests/rendered/{}.views.{engine}.sql", table.name),
                &views(table, dialect, "lake"),
            );
        }
    }
}

/// The references that readers of the documentation find are the printed ones.
#[test]
fn the_documented_schemas_are_the_printed_ones() {
    for (page, table) in [
        ("schema", schema::call_details()),
        ("conversations", schema::conversations()),
    ] {
        check(&format!("docs/{page}.md"), &render(table, Format::Markdown));
    }
}

fn check(path: &str, now: &str) {
    let path = format!("{}/{path}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("CALLAKE_BLESS").is_some() {
        std::fs::write(&path, now).unwrap();
    }
    let held = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(now == held, "{path} differs; CALLAKE_BLESS=1 writes it anew");
}

/// Every field of the documented samples, and of the documented additions, has a column of its own.
#[test]
fn documented_fields_have_columns() {
    let reference = render(schema::call_details(), Format::Markdown);
    let mut paths = std::collections::BTreeSet::new();
    for file in ["call_details_v1.json", "call_details_v2.json"] {
        let text =
            std::fs::read_to_string(format!("{}/tests/samples/{file}", env!("CARGO_MANIFEST_DIR"))).unwrap();
        let page: serde_json::Value = serde_json::from_str(&text).unwrap();
        page["data"]
            .as_array()
            .unwrap()
            .iter()
            .for_each(|record| collect(record, "", &mut paths));
    }
    let agent = [
        "holdDuration",
        "agentChoseTranslate",
        "snoozeinfo",
        "JoinedUsers",
        "ConsultingAgents",
    ];
    let joined = ["agentId", "email", "name", "joinedAt", "end"].map(|key| format!("JoinedUsers/*/{key}"));
    let consulting = [
        "agentId",
        "email",
        "name",
        "isMerged",
        "acceptedTime",
        "assignedAt",
        "consultingEndTime",
    ]
    .map(|key| format!("ConsultingAgents/*/{key}"));
    for key in agent.map(str::to_string).iter().chain(&joined).chain(&consulting) {
        for place in ["", "respondingAgent/", "nonRespondingAgents/*/"] {
            paths.insert(format!("/destinations/*/{place}{key}"));
        }
    }
    let root = "csatScore csatFeedback npsScore likeDislikeScore surveyType campaigninfo reason Reason";
    let campaign = "campaignName campaignId campaignInstanceId campaignDialingListId attempt contactStatus \
                    campaignRunDate contactListName";
    let meta = "customData campaignName Initiation attempt endUserNumber countryCode category email emailId \
                phoneNumber device sendTranscriptLink city country isp";
    paths.extend(root.split_whitespace().map(|key| format!("/{key}")));
    paths.extend(
        campaign
            .split_whitespace()
            .map(|key| format!("/campaigninfo/{key}")),
    );
    paths.extend(meta.split_whitespace().map(|key| format!("/metaInfo/{key}")));
    for key in [
        "CallbackInitiatedTime",
        "ExternalTransferTime",
        "ExternalTransferDestination",
    ] {
        paths.insert(format!("/destinations/*/{key}"));
    }
    let missing: Vec<_> = paths
        .iter()
        .filter(|path| !reference.contains(&format!("| `{path}` |")))
        .collect();
    assert!(missing.is_empty(), "no column for {missing:?}");
}

#[test]
fn fields_of_the_documented_conversation_have_columns() {
    let reference = render(schema::conversations(), Format::Markdown);
    let path = format!("{}/tests/samples/conversation.json", env!("CARGO_MANIFEST_DIR"));
    let sample = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let mut paths = std::collections::BTreeSet::new();
    collect(&sample, "", &mut paths);
    assert!(paths.len() > 100, "{paths:?}");
    // Elements of lists of scalars stand in the row of their list.
    paths.retain(|path| !path.ends_with("/*"));
    let missing: Vec<_> = paths
        .iter()
        .filter(|path| !reference.contains(&format!("| `{path}` |")))
        .collect();
    assert!(missing.is_empty(), "no column for {missing:?}");
}

#[test]
fn tables_name_the_endpoint_that_gives_them() {
    assert_eq!(schema::call_details().endpoint, None);
    let endpoint = schema::conversations().endpoint.as_deref();
    assert_eq!(endpoint, Some(callake::api::Endpoint::Conversations.name()));
}

/// Pointer patterns of all fields of a record.
fn collect(value: &serde_json::Value, path: &str, out: &mut std::collections::BTreeSet<String>) {
    match value {
        serde_json::Value::Object(fields) => {
            for (key, value) in fields {
                out.insert(format!("{path}/{key}"));
                collect(value, &format!("{path}/{key}"), out);
            }
        }
        serde_json::Value::Array(elements) => {
            elements
                .iter()
                .for_each(|value| collect(value, &format!("{path}/*"), out));
        }
        _ => {}
    }
}
