//! The envelopes of errors. Gateways mix them: each may come with each protocol.

use super::super::{
    choices::{Axis, Choices, axis},
    json::{Json, object},
    protocols::Protocol,
};

axis! {
    Envelope {
        /// `{"error":{"message","type","code"}}`.
        Object,
        /// Anthropic's.
        Typed,
        /// An object with a number for its code.
        NumericCode,
        /// Google's.
        Google,
        GoogleInArray,
        Text,
        DetailText,
        /// FastAPI's.
        DetailList,
        DetailObject,
        /// Cloudflare's.
        ErrorsList,
        ErrorsOfTexts,
        /// Rails' and Laravel's validations.
        ErrorsByField,
        /// Apigee's.
        Fault,
        /// Lambda's.
        ErrorMessage,
        Reason,
        /// AWS's.
        ServiceType,
        /// `error_type`, `error_message` and `error_code`.
        Prefixed,
        /// RFC 7807.
        Problem,
        /// MiniMax's.
        BaseResponse,
        /// Mistral's.
        Flat,
        /// vLLM's.
        ObjectIsError,
        /// In a choice of a chat answer; elsewhere as `Object`.
        InChoice,
    }
}

axis! {
    /// Members of an answer beside an error.
    Beside { Nothing, NullChoices, RequestId }
}

const CODE: &str = "overloaded";

impl Envelope {
    /// The envelope of a message, and the codes of which one names the error.
    pub fn json(
        self,
        message: &str,
        protocol: Protocol,
        choices: &mut Choices<'_>,
    ) -> (Json, Vec<String>) {
        let object = || object! { "message": message, "type": "server_error", "code": CODE };
        let (mut json, codes): (Json, &[&str]) = match self {
            Self::Object => (object! { "error": object() }, &[CODE]),
            Self::Typed => {
                let error = object! { "type": "overloaded_error", "message": message };
                (object! { "type": "error", "error": error }, &["overloaded_error"])
            }
            Self::NumericCode => {
                let error = object! { "message": message, "code": 502 };
                (object! { "error": error }, &["502"])
            }
            Self::Google | Self::GoogleInArray => {
                let error = object! { "code": 503, "message": message, "status": "UNAVAILABLE" };
                let json = object! { "error": error };
                let codes: &[&str] = &["UNAVAILABLE"];
                match self {
                    Self::Google => (json, codes),
                    _ => return (Json::List(vec![json]), vec!["UNAVAILABLE".into()]),
                }
            }
            Self::Text => (object! { "error": message }, &[]),
            Self::DetailText => (object! { "detail": message }, &[]),
            Self::DetailList => {
                let place: Json = ["body".into(), "model".into()].into();
                let one = object! { "type": "missing", "loc": place, "msg": message };
                (object! { "detail": [one] }, &[])
            }
            Self::DetailObject => {
                (object! { "detail": object! { "message": message, "code": CODE } }, &[CODE])
            }
            Self::ErrorsList => {
                let one = object! { "code": 7009, "message": message };
                let json = object! { "result": Json::NULL, "success": false, "errors": [one] };
                (json.with("messages", Json::List(vec![])), &["7009"])
            }
            Self::ErrorsOfTexts => {
                let errors: Json = [message.into()].into();
                (object! { "errors": errors }, &[])
            }
            Self::ErrorsByField => {
                let fields = object! { "model": Json::List(vec![message.into()]) };
                (object! { "errors": fields }, &[])
            }
            Self::Fault => {
                let fault = object! { "faultstring": message };
                let fault = fault.with("detail", object! { "errorcode": CODE });
                (object! { "fault": fault }, &[CODE])
            }
            Self::ErrorMessage => {
                (object! { "errorMessage": message, "errorType": "Overloaded" }, &["Overloaded"])
            }
            Self::Reason => {
                (object! { "error": object! { "reason": message, "code": CODE } }, &[CODE])
            }
            Self::ServiceType => {
                let kind = "ThrottlingException";
                (object! { "__type": kind, "Message": message }, &["ThrottlingException"])
            }
            Self::Prefixed => {
                let json = object! { "error_code": 400, "error_type": "BadRequestError" };
                (json.with("error_message", message), &["BadRequestError", "400"])
            }
            Self::Problem => {
                let json = object! {
                    "type": "https://errors.example/overloaded", "title": "Overloaded", "status": 503,
                };
                (json.with("detail", message), &[])
            }
            Self::BaseResponse => {
                let response = object! { "status_code": 1008, "status_msg": message };
                (object! { "base_resp": response }, &["1008"])
            }
            Self::Flat => (object! { "code": CODE, "message": message }, &[CODE]),
            Self::ObjectIsError => {
                let json = object! { "object": "error", "message": message };
                (
                    json.with("type", "BadRequestError").with("code", 400),
                    &["BadRequestError", "400"],
                )
            }
            Self::InChoice if protocol == Protocol::Chat => {
                let error = object! { "code": 502, "message": message };
                let delta = object! { "content": "" };
                let choice = object! { "index": Json::Index(0), "delta": delta, "error": error };
                (object! { "choices": [choice] }, &["502"])
            }
            Self::InChoice => (object! { "error": object() }, &[CODE]),
        };
        match choices.axis() {
            Beside::Nothing => {}
            Beside::NullChoices if self == Self::InChoice => {}
            Beside::NullChoices => json.add("choices", Json::NULL),
            Beside::RequestId => json.add("request_id", "req-1"),
        }
        (json, codes.iter().map(|code| (*code).to_owned()).collect())
    }
}
