//! Models, endpoints and the system.

use super::Checker;
use crate::id::ModelId;
use crate::spec::date::CalendarDate;
use crate::spec::diagnostic::ErrorCode;
use crate::spec::model::{
    EmbedderSpec, EndpointSpec, ModelOrigin, ModelSpec, Price, PromptSource, RateLimits, SecretRef,
    SystemSpec,
};
use crate::spec::quantity;
use crate::spec::raw::{Listed, RawEmbedder, RawModel, RawRateLimits, RawSystem, Text};

/// The placeholder of the item's input in the user template.
const INPUT: &str = "{{input}}";
/// Schemes that make a prompt the source of a file.
const SCHEMES: [&str; 6] = ["file://", "pypi://", "npm://", "hf://", "https://", "s3://"];

impl Checker<'_> {
    pub(super) fn models(&mut self, raw: Option<Listed<RawModel>>) -> Option<Vec<ModelSpec>> {
        let raw = raw?;
        let count = raw.len();
        let ids: Vec<Option<String>> = raw.iter().map(|model| Some(model.as_ref()?.id.clone()?.0)).collect();
        self.unique("/models/#/id", "model id", &ids);
        let read = |(at, model): (usize, Option<RawModel>)| self.model(at, model?);
        let models: Vec<_> = raw.into_iter().enumerate().filter_map(read).collect();
        (models.len() == count).then_some(models)
    }

    fn model(&mut self, at: usize, raw: RawModel) -> Option<ModelSpec> {
        let place = format!("/models/{at}");
        let id = raw.id.clone().and_then(|id| self.model_id(&place, id));
        let parameters = match &raw.parameters {
            Some(text) => self.parameters(&place, text).map(Some),
            None => Some(None),
        };
        let shutdown_date = raw.shutdown_date.as_ref().and_then(|text| self.date(&place, text));
        let origin = self.origin(&place, raw);
        Some(ModelSpec { id: id?, origin: origin?, parameters: parameters?, shutdown_date })
    }

    fn date(&mut self, place: &str, text: &Text) -> Option<CalendarDate> {
        let date = text.0.parse();
        if date.is_err() {
            let message = format!("`{}` is not a day", text.0);
            let problem = self.problem(ErrorCode::Quantity, &format!("{place}/shutdown_date"), message);
            self.report(problem.expected("a day of the calendar such as `2027-03-31`"));
        }
        date.ok()
    }

    fn model_id(&mut self, place: &str, id: Text) -> Option<ModelId> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if (1..=63).contains(&id.0.len()) && id.0.chars().all(allowed) {
            return Some(ModelId::new(id.0));
        }
        let message = format!("`{}` cannot be a model's id", id.0);
        let problem = self.problem(ErrorCode::Name, &format!("{place}/id"), message);
        self.report(problem.expected("1 to 63 letters, digits, `-`, `_` and `.`"));
        None
    }

    fn parameters(&mut self, place: &str, text: &Text) -> Option<u64> {
        let count = quantity::count(&text.0).filter(|count| *count > 0);
        if count.is_none() {
            let message = format!("`{}` is not a number of parameters", text.0);
            let place = format!("{place}/parameters");
            let problem = self.problem(ErrorCode::Quantity, &place, message);
            self.report(problem.expected("a number such as `135M`, `1.7B` or `135000000`"));
        }
        count
    }

    fn origin(&mut self, place: &str, raw: RawModel) -> Option<ModelOrigin> {
        self.secret_is_no_literal(place, raw.api_key.as_ref());
        match (raw.source.is_some(), raw.endpoint.is_some()) {
            (true, false) => {
                self.endpoint_keys(place, &raw);
                let source = self.source(&format!("{place}/source"), raw.source);
                source.map(ModelOrigin::Source)
            }
            (false, true) => self.endpoint(place, raw).map(ModelOrigin::Endpoint),
            (true, true) => {
                let message = "a model has both `source` and `endpoint`";
                let place = format!("{place}/endpoint");
                let problem = self.problem(ErrorCode::ModelOrigin, &place, message);
                let help = "list it twice, under two ids, if both are meant";
                self.report(problem.expected("one of the two").help(help));
                None
            }
            (false, false) => {
                self.nowhere(place);
                None
            }
        }
    }

    /// Reported only where the file has neither key.
    fn nowhere(&mut self, place: &str) {
        if self.has_key(place, "source") || self.has_key(place, "endpoint") {
            return;
        }
        let message = "a model has neither `source` nor `endpoint`";
        let problem = self.problem(ErrorCode::ModelOrigin, &format!("{place}/id"), message);
        let expected = "`source:` with weights, or `endpoint:` with an address";
        self.report(problem.expected(expected));
    }

    /// Keys that only an endpoint has.
    fn endpoint_keys(&mut self, place: &str, raw: &RawModel) {
        let keys = [
            ("model", raw.model.is_some()),
            ("api_key", raw.api_key.is_some()),
            ("price", raw.price.is_some()),
            ("limits", raw.limits.is_some()),
            ("shutdown_date", raw.shutdown_date.is_some()),
        ];
        for (key, _) in keys.into_iter().filter(|(_, given)| *given) {
            let message = format!("`{key}` is for models with an `endpoint`");
            let place = format!("{place}/{key}");
            let problem = self.problem(ErrorCode::ModelOrigin, &place, message);
            self.report(problem.expected(format!("no `{key}` beside `source`")));
        }
    }

    fn endpoint(&mut self, place: &str, raw: RawModel) -> Option<EndpointSpec> {
        let url = raw.endpoint.and_then(|url| self.endpoint_url(place, url));
        let model = raw.model.map(|model| model.0);
        let blank = model.as_ref().is_some_and(|model| model.trim().is_empty());
        if blank || (model.is_none() && !self.has_key(place, "model")) {
            let message = "an endpoint needs the name of its model";
            let place = format!("{place}/endpoint");
            let problem = self.problem(ErrorCode::ModelOrigin, &place, message);
            self.report(problem.expected("`model: qwen3-8b` beside `endpoint`"));
        }
        let price = raw.price.and_then(|price| Some(Price { input: price.input?, output: price.output? }));
        let api_key = raw.api_key.and_then(|key| secret(&key.0));
        let limits = raw.limits.map(|limits| self.rate_limits(place, limits));
        Some(EndpointSpec { url: url?, model: model?, api_key, price, limits })
    }

    fn rate_limits(&mut self, place: &str, raw: RawRateLimits) -> RateLimits {
        let place = format!("{place}/limits/tokens_per_minute");
        let tokens = raw.tokens_per_minute.and_then(|text| self.tokens(&place, &text));
        if tokens == Some(0) {
            let message = "no tokens at all are allowed in a minute";
            let problem = self.problem(ErrorCode::OutOfRange, &place, message);
            self.report(problem.expected("at least 1, or no `tokens_per_minute`"));
        }
        RateLimits { requests_per_minute: raw.requests_per_minute, tokens_per_minute: tokens }
    }

    fn endpoint_url(&mut self, place: &str, url: String) -> Option<String> {
        let url = self.address(&format!("{place}/endpoint"), "endpoint", url)?;
        Some(url.trim_end_matches('/').to_owned())
    }

    /// An address that may be asked: https, or this machine.
    pub(super) fn address(&mut self, place: &str, whose: &str, url: String) -> Option<String> {
        let Err((reason, expected)) = endpoint_address(&url) else {
            return Some(url);
        };
        let message = format!("the {whose}'s address is refused: {reason}");
        let problem = self.problem(ErrorCode::Endpoint, place, message);
        self.report(problem.expected(expected));
        None
    }

    /// The message never repeats what stands there: it may be a key.
    fn secret_is_no_literal(&mut self, place: &str, key: Option<&Text>) {
        if key.is_none_or(|key| secret(&key.0).is_some()) {
            return;
        }
        let message = "`api_key` does not say where the key is";
        let problem = self.problem(ErrorCode::Secret, &format!("{place}/api_key"), message);
        let problem = problem.expected("`env://NAME` or `file://path`");
        let help = "a key in a file that is shared is no secret any more: put it into an \
                    environment variable, and replace it if the file was shared";
        self.report(problem.help(help));
    }

    pub(super) fn embedder(&mut self, raw: RawEmbedder) -> Option<EmbedderSpec> {
        let source = self.source("/embedder/source", raw.source)?;
        Some(EmbedderSpec { source })
    }

    pub(super) fn system(
        &mut self,
        raw: Option<RawSystem>,
        models: Option<&[ModelSpec]>,
    ) -> Option<SystemSpec> {
        let raw = raw?;
        let model = raw.model.map(|model| self.known_model(model.0, models));
        let prompt = self.prompt(raw.prompt.unwrap_or_default());
        let user = self.user_template(raw.user);
        let stop: Vec<String> = raw.stop.into_iter().flatten().flatten().collect();
        if let Some(at) = stop.iter().position(String::is_empty) {
            let place = format!("/system/stop/{at}");
            let problem = self.problem(ErrorCode::OutOfRange, &place, "a stop text is empty");
            let help = "an empty text would end every answer before its first character";
            self.report(problem.expected("at least one character").help(help));
        }
        let max_tokens = raw.max_tokens.unwrap_or(64);
        Some(SystemSpec { model: model?, prompt: prompt?, user: user?, max_tokens, stop })
    }

    /// Unknown names are reported only against a catalogue that was read whole.
    fn known_model(&mut self, name: String, models: Option<&[ModelSpec]>) -> ModelId {
        let known = models.unwrap_or_default().iter().map(|model| model.id.as_str());
        let known: Vec<&str> = known.collect();
        if !known.is_empty() && !known.contains(&name.as_str()) {
            let message = format!("the model `{name}` is not in `models`");
            let problem = self.problem(ErrorCode::UnknownName, "/system/model", message);
            let expected = format!("one of: {}", known.join(", "));
            self.report(problem.expected(expected).nearest(&name, known));
        }
        ModelId::new(name)
    }

    fn prompt(&mut self, text: String) -> Option<PromptSource> {
        if SCHEMES.iter().any(|scheme| text.starts_with(scheme)) {
            return self.source("/system/prompt", Some(text)).map(PromptSource::File);
        }
        Some(PromptSource::Inline(text))
    }

    fn user_template(&mut self, user: Option<String>) -> Option<String> {
        let user = user.unwrap_or_else(|| INPUT.to_owned());
        if user.contains(INPUT) {
            return Some(user);
        }
        let message = "the user template does not contain the item's input";
        let problem = self.problem(ErrorCode::Template, "/system/user", message);
        self.report(problem.expected(format!("a text with `{INPUT}` in it")));
        None
    }
}

fn secret(text: &str) -> Option<SecretRef> {
    if let Some(name) = text.strip_prefix("env://") {
        let first = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        let rest = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        return (first && rest).then(|| SecretRef::Env(name.to_owned()));
    }
    let path = text.strip_prefix("file://")?;
    let safe = !path.is_empty() && !path.chars().any(char::is_control);
    safe.then(|| SecretRef::File(path.to_owned()))
}

/// Checks an address without looking anything up; gives the reason and what was expected.
fn endpoint_address(url: &str) -> Result<(), (&'static str, &'static str)> {
    const FORM: &str = "an address such as `https://host/v1`";
    let (scheme, rest) = url.split_once("://").ok_or(("it has no scheme", FORM))?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or("");
    if url.chars().any(|c| c.is_whitespace() || c.is_control() || c == '\\') {
        return Err(("it has a space or a control character", FORM));
    }
    if authority.contains('@') {
        return Err(("credentials do not belong in an address", "`api_key: env://NAME` instead"));
    }
    if url.contains(['?', '#']) {
        return Err(("it has a query or a fragment", FORM));
    }
    let (host, port) = host_and_port(authority);
    if host.is_empty() || !port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0)) {
        return Err(("its host or port is wrong", FORM));
    }
    match scheme {
        "https" => Ok(()),
        "http" if is_loopback(host) => Ok(()),
        "http" => Err(("plain http is for this machine alone", "`https://`")),
        _ => Err(("its scheme is unknown", "`https://`, or `http://` on this machine")),
    }
}

fn host_and_port(authority: &str) -> (&str, Option<&str>) {
    if let Some((host, port)) = authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return (host, port.strip_prefix(':'));
    }
    match authority.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    }
}

/// A name other than `localhost` is never resolved here.
fn is_loopback(host: &str) -> bool {
    let address = host.parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}
