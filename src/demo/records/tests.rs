//! Records repeat by seed, have unique keys and every documented shape.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::*;

fn lines(dataset: &Dataset, flavour: Flavour, order: Order) -> Vec<String> {
    let mut out = Vec::new();
    dataset.write_ndjson(&mut out, flavour, order).unwrap();
    String::from_utf8(out)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect()
}

fn values(dataset: &Dataset, flavour: Flavour) -> Vec<Value> {
    lines(dataset, flavour, Order::Start)
        .iter()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect()
}

#[test]
fn the_same_seed_gives_the_same_records_and_another_gives_others() {
    let dataset = Dataset {
        records: 200,
        ..Dataset::default()
    };
    let once = lines(&dataset, Flavour::Mixed, Order::Start);
    assert_eq!(once, lines(&dataset, Flavour::Mixed, Order::Start));
    let other = lines(&Dataset { seed: 2, ..dataset }, Flavour::Mixed, Order::Start);
    assert!(once.iter().all(|line| !other.contains(line)));
}

#[test]
fn random_order_holds_the_same_records() {
    let dataset = Dataset {
        records: 500,
        ..Dataset::default()
    };
    let mut by_start = lines(&dataset, Flavour::Mixed, Order::Start);
    let mut random = lines(&dataset, Flavour::Mixed, Order::Random);
    assert_ne!(by_start, random);
    by_start.sort();
    random.sort();
    assert_eq!(by_start, random);
}

#[test]
fn keys_are_unique_ascend_by_start_and_are_those_of_the_records() {
    for profile in [Profile::Office, Profile::Spike] {
        let dataset = Dataset {
            records: 5000,
            days: 3,
            profile,
            ..Dataset::default()
        };
        let keys: Vec<Key> = dataset.keys().collect();
        assert!(keys.is_sorted_by_key(|key| key.start));
        assert_eq!(
            keys.iter().map(|k| &k.session_id).collect::<HashSet<_>>().len(),
            5000
        );
        let conversations: Vec<_> = keys.iter().filter_map(|k| k.conversation_id.as_ref()).collect();
        assert_eq!(
            conversations.iter().collect::<HashSet<_>>().len(),
            conversations.len()
        );
        for (key, record) in keys.iter().zip(values(&dataset, Flavour::V2)) {
            assert_eq!(record["sessionId"], *key.session_id);
            assert_eq!(record["conversationId"].as_str(), key.conversation_id.as_deref());
            assert_eq!(i64::from_str_radix(&key.session_id[..8], 16).unwrap(), key.start);
        }
    }
}

#[test]
fn every_day_has_its_share_within_its_utc_bounds() {
    let dataset = Dataset {
        records: 1001,
        days: 3,
        ..Dataset::default()
    };
    let mut by_day: HashMap<i64, u64> = HashMap::new();
    for key in dataset.keys() {
        *by_day.entry(key.start.div_euclid(DAY)).or_default() += 1;
    }
    let first = dataset
        .first_day
        .and_hms_opt(0, 0, 0)
        .unwrap()
        .and_utc()
        .timestamp()
        / DAY;
    let counts: Vec<u64> = (0..3).map(|day| by_day[&(first + day)]).collect();
    assert_eq!(counts.iter().sum::<u64>(), 1001);
    assert!(
        counts.iter().all(|count| (333..=334).contains(count)),
        "{counts:?}"
    );
}

#[test]
fn empty_and_tiny_data_sets_are_whole() {
    for records in 0..5 {
        let dataset = Dataset {
            records,
            days: 3,
            ..Dataset::default()
        };
        assert_eq!(dataset.keys().count() as u64, records);
        assert_eq!(
            lines(&dataset, Flavour::Mixed, Order::Random).len() as u64,
            records
        );
    }
}

/// Adds the paths of all leaves, array positions left out.
fn paths(value: &Value, at: &str, into: &mut HashSet<String>) {
    match value {
        Value::Object(fields) => fields
            .iter()
            .for_each(|(k, v)| paths(v, &format!("{at}/{k}"), into)),
        Value::Array(elements) => elements.iter().for_each(|v| paths(v, at, into)),
        _ => {
            into.insert(at.to_owned());
        }
    }
}

#[test]
fn every_documented_field_is_there() {
    let dataset = Dataset {
        records: 12_000,
        ..Dataset::default()
    };
    let mut present = HashSet::new();
    for record in values(&dataset, Flavour::Mixed) {
        paths(&record, "", &mut present);
    }
    let agent = [
        "agentId",
        "agentNotes",
        "destinationType",
        "status",
        "firstResponseTime",
        "firstResponseDuration",
        "interactionEndTime",
        "interactionDuration",
        "holdDuration",
        "afterCallWorkDuration",
        "afterCallWorkEndTime",
        "agentChoseTranslate",
        "ExternalTransferTime",
        "ExternalTransferDestination",
        "email",
        "name",
        "acceptedTime",
        "assignedAt",
        "ConsultingAgents/agentId",
        "ConsultingAgents/isMerged",
        "ConsultingAgents/consultingEndTime",
        "JoinedUsers/agentId",
        "JoinedUsers/joinedAt",
        "JoinedUsers/end",
    ];
    let mut wanted: Vec<String> = agent
        .iter()
        .map(|f| format!("/destinations/respondingAgent/{f}"))
        .collect();
    wanted.extend(agent[..9].iter().map(|f| format!("/destinations/{f}")));
    for field in [
        "/conversationId",
        "/sessionId",
        "/channel",
        "/isVoicemail",
        "/Direction",
        "/finalStatus",
        "/smartStatus",
        "/reason",
        "/disconnectingEvent",
        "/errorDetails",
        "/botId",
        "/orgId",
        "/userId",
        "/channelSpecificUserId",
        "/automationBotIDs",
        "/dispositions",
        "/dispositionRemarks",
        "/skills/id",
        "/skills/name",
        "/customerinfo/CustomerPhone",
        "/customerinfo/Direction",
        "/userleveltags/name",
        "/sessionleveltags/value",
        "/csatScore",
        "/csatFeedback",
        "/npsScore",
        "/likeDislikeScore",
        "/surveyType",
        "/campaigninfo/attempt",
        "/campaigninfo/campaignRunDate",
        "/campaigninfo/contactListName",
        "/Reason",
        "/destinations/CallbackOptedTime",
        "/destinations/CallbackInitiatedTime",
        "/destinations/userCallbackAcceptTime",
        "/destinations/EnterTime",
        "/destinations/queueName",
        "/destinations/nonRespondingAgents/nonResponseEvent",
        "/destinations/respondingAgent/snoozeinfo/reason",
        "/metaInfo/caller",
        "/metaInfo/callerHost",
        "/metaInfo/agentTransferConfig/skillsIds",
        "/metaInfo/agentTransferConfig/dialog_tone/level",
        "/metaInfo/agentTransferConfig/noAgentsFlowId",
        "/metaInfo/agentTransferConfig/assistEvents/startEvent/dialogRefId",
        "/metaInfo/workinghours/workdays",
        "/metaInfo/identities/val",
        "/metaInfo/transcribeConfig/transcribe",
        "/metaInfo/emailId",
        "/metaInfo/customData/page",
        "/metaInfo/campaignName",
        "/metaInfo/attempt",
        "/metaInfo/endUserNumber",
        "/metaInfo/sendTranscriptLink",
        "/metaInfo/city",
        "/metaInfo/loyaltyNumber",
        "/metaInfo/a/b~c",
    ] {
        wanted.push(field.to_owned());
    }
    let missing: Vec<_> = wanted.iter().filter(|path| !present.contains(*path)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn the_shapes_of_the_samples_are_there() {
    let dataset = Dataset {
        records: 12_000,
        ..Dataset::default()
    };
    let records = values(&dataset, Flavour::V2);
    let some = |what: &str, is: &dyn Fn(&Value) -> bool| assert!(records.iter().any(is), "{what}");
    some("open", &|r| {
        r["finalStatus"] == "TRANSIENT_OPEN" && r["sessionStartTime"] == r["sessionEndTime"]
    });
    some("abandoned", &|r| {
        r["finalStatus"] == "USER ABANDONED" && r["destinations"] == serde_json::json!([])
    });
    some("voicemail", &|r| r["isVoicemail"] == "YES");
    some("boolean voicemail", &|r| r["isVoicemail"] == false);
    some("outbound", &|r| r["Direction"] == "Outbound");
    some("attempt without a number", &|r| {
        r["campaigninfo"]["attempt"] == ""
    });
    some("many identities", &|r| {
        r["metaInfo"]["identities"]
            .as_array()
            .is_some_and(|i| i.len() > 50)
    });
    some("null channel user", &|r| {
        r.get("channelSpecificUserId").is_some_and(Value::is_null)
    });
    some("e-mail", &|r| r["channel"] == "Email");
    some("inline agent segment", &|r| {
        r["destinations"][1]["destinationType"] == "AgentSegment"
    });
    some("remark of a hyphen", &|r| {
        r["dispositionRemarks"] == serde_json::json!(["-"])
    });
    some("huge number", &|r| {
        r.to_string().contains("e29") || r.to_string().contains("e+29")
    });
    some("one agent several times", &|r| {
        let agents = r["destinations"][0]["nonRespondingAgents"].as_array();
        agents.is_some_and(|a| a.len() > 1 && a[0]["agentId"] == a[1]["agentId"])
    });
    some("agent assistance that embeds a real conversation", &|r| {
        r["channel"] == "AgentAssistV2"
            && r["sessionStartTime"] == r["sessionEndTime"]
            && records
                .iter()
                .any(|other| other["conversationId"] == r["channelSpecificUserId"])
    });
    let text = lines(&dataset, Flavour::V2, Order::Start).join("\n");
    for escape in [
        "\\u00e9",
        "\\ud83d\\ude22",
        "\\\"",
        "\\\\",
        "\\n",
        "\\u0000",
        "é",
        "美",
    ] {
        assert!(text.contains(escape), "{escape}");
    }
}

#[test]
fn versions_differ_where_the_documents_say_so() {
    let dataset = Dataset {
        records: 2000,
        ..Dataset::default()
    };
    for (v1, v2) in values(&dataset, Flavour::V1)
        .iter()
        .zip(&values(&dataset, Flavour::V2))
    {
        for field in [
            "smartStatus",
            "errorDetails",
            "automationBotIDs",
            "isVoicemail",
            "Direction",
        ] {
            assert!(v1.get(field).is_none(), "{field}");
        }
        assert!(v1["customerinfo"].get("Direction").is_some());
        assert!(v2["customerinfo"].get("Direction").is_none());
        assert!(v2.get("smartStatus").is_some());
        assert_eq!(v1["sessionId"], v2["sessionId"]);
        assert_eq!(v1["sessionEndTime"], v2["sessionEndTime"]);
    }
}

#[test]
fn an_average_record_is_as_large_as_real_ones() {
    let dataset = Dataset {
        records: 5000,
        ..Dataset::default()
    };
    let mut out = Vec::new();
    dataset
        .write_ndjson(&mut out, Flavour::Mixed, Order::Start)
        .unwrap();
    assert!((2200..2300).contains(&(out.len() / 5000)), "{}", out.len() / 5000);
}

#[test]
fn only_the_seeded_share_has_something_no_schema_foresees() {
    let dataset = Dataset {
        records: 12_000,
        ..Dataset::default()
    };
    let sessions = dataset.sessions();
    let odd = (0..12_000)
        .filter(|i| sessions.session(&sessions.outline(*i)).oddity.is_some())
        .count();
    assert!((80..160).contains(&odd), "{odd}");
}
