//! `kubectl get secret ... -o jsonpath={.data.value}`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use certwright_engine::host::Output;
use certwright_engine::text::Secret;

use crate::tools::OutputError;
use crate::tools::output::whole;

/// Decodes what `get secret ... -o jsonpath={.data.value}` prints; None when the secret has no such key.
pub fn parse_secret_value(output: &Output) -> Result<Option<Secret>, OutputError> {
    let what = "`kubectl get secret`";
    let text = whole(what, &output.stdout)?.trim_ascii();
    if text.is_empty() {
        return Ok(None);
    }
    let value = STANDARD.decode(text).map_err(|_| OutputError::shape(what, "not base64"))?;
    Ok(Some(Secret::new(value)))
}
