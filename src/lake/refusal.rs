//! What a store means by a refusal that the same request meets again, and what to do about it.
//!
//! `object_store` tells refusals from other faults for some requests and not for others (a listing that is refused is as
//! generic as one that timed out), so they are told by the code in the store's answer.

use object_store::Error;

/// Codes in the answers of S3-compatible stores.
const REMEDIES: [(&str, &str); 11] = [
    (
        "NoSuchBucket",
        "there is no such bucket: check its name, and --endpoint-url where the store is not AWS",
    ),
    (
        "InvalidAccessKeyId",
        "the store does not know the key: check AWS_ACCESS_KEY_ID, and --endpoint-url where the store is not AWS",
    ),
    (
        "SignatureDoesNotMatch",
        "the secret is not that of the key: check AWS_SECRET_ACCESS_KEY",
    ),
    ("AccessDenied", PERMISSIONS),
    ("AllAccessDisabled", PERMISSIONS),
    (
        "ExpiredToken",
        "the credentials have expired: get new ones (AWS_SESSION_TOKEN goes with its key and secret)",
    ),
    (
        "InvalidToken",
        "the session token is not valid: check AWS_SESSION_TOKEN, or unset it",
    ),
    ("RequestTimeTooSkewed", "this machine's clock is off: set it"),
    ("AuthorizationHeaderMalformed", REGION),
    ("PermanentRedirect", REGION),
    ("IllegalLocationConstraintException", REGION),
];

const PERMISSIONS: &str = "the credentials do not permit it: reading a lake takes s3:ListBucket and s3:GetObject, writing one \
                           s3:PutObject and s3:DeleteObject as well";
const REGION: &str = "the bucket is in another region: set AWS_REGION";

/// Address of the service that gives credentials on machines of AWS, asked where no others are set.
const METADATA_SERVICE: &str = "//169.254.169.254/";

/// Why the store will not do what was asked, and what to do; `None` for what may pass.
pub(super) fn remedy(error: &Error) -> Option<&'static str> {
    let text = error.to_string();
    if text.contains(METADATA_SERVICE) {
        return Some(
            "there are no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (no profile is read), or give this \
             machine a role",
        );
    }
    let code = element(&text, "Code");
    let known = code.and_then(|code| REMEDIES.iter().find(|(known, _)| *known == code));
    match (known, error) {
        (Some((_, remedy)), _) => Some(remedy),
        // Answers to HEAD have no body, and other stores have other codes.
        (None, Error::PermissionDenied { .. } | Error::Unauthenticated { .. }) => {
            Some("the store refuses access: check the credentials, what they permit, and the store's address")
        }
        _ => None,
    }
}

/// The error in a line: of a refusal what it means, with the store's own words; of others all that there is.
pub(super) fn explain(error: &Error) -> String {
    let text = error.to_string();
    let Some(remedy) = remedy(error) else {
        return text;
    };
    match (element(&text, "Code"), element(&text, "Message")) {
        (Some(code), Some(message)) if !message.is_empty() => format!("{remedy} ({code}: {message})"),
        (Some(code), _) => format!("{remedy} ({code})"),
        _ => format!("{remedy} ({text})"),
    }
}

/// The text of an element of the answer's XML.
fn element<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    Some(rest.split_once(&format!("</{name}>"))?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generic(text: &str) -> Error {
        Error::Generic {
            store: "S3",
            source: text.to_string().into(),
        }
    }

    #[test]
    fn refusals_are_explained() {
        let answer = "Error performing GET http://x/lakes?list-type=2 - Server returned non-2xx status code: 403 Forbidden: \
                      <Error><Code>SignatureDoesNotMatch</Code><Message>No match.</Message><RequestId>1</RequestId></Error>";
        assert_eq!(
            explain(&generic(answer)),
            "the secret is not that of the key: check AWS_SECRET_ACCESS_KEY (SignatureDoesNotMatch: No match.)"
        );
        let metadata =
            generic("Error performing PUT http://169.254.169.254/latest/api/token in 1ms - timed out");
        assert!(explain(&metadata).contains("set AWS_ACCESS_KEY_ID"));
        let denied = Error::PermissionDenied {
            path: "x".to_string(),
            source: "403".into(),
        };
        assert!(explain(&denied).contains("check the credentials"));
    }

    #[test]
    fn what_may_pass_is_no_refusal() {
        for text in [
            "connection reset",
            "503 <Error><Code>SlowDown</Code><Message>wait</Message></Error>",
        ] {
            assert_eq!(remedy(&generic(text)), None);
            assert!(explain(&generic(text)).contains(text));
        }
        let absent = Error::NotFound {
            path: "x".to_string(),
            source: "404 <Error><Code>NoSuchKey</Code></Error>".into(),
        };
        assert_eq!(remedy(&absent), None);
    }
}
