/// The URL of an image that is in the request itself.
pub(super) fn data_url(media_type: &str, data_base64: &str) -> String {
    format!("data:{media_type};base64,{data_base64}")
}
