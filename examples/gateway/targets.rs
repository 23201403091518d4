use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{HeaderValue, Uri},
    response::Response,
};
use tower_llm_callbacks::http_layer::Provider;

use crate::{
    config::{Pattern, Problem, Settings},
    models::Models,
    unrouted::{Refusal, Unrouted},
    uploads::{Stopped, Uploads},
    upstream::{Upstream, normal_path},
};

/// The upstreams, of which each request gets one.
pub(crate) struct Targets(Vec<Arc<Target>>);

/// An upstream, and the requests that it gets.
pub(crate) struct Target {
    pub(crate) upstream: Upstream,
    pub(crate) provider: Option<Provider>,
    /// The provider's key, which replaces that of the client.
    pub(crate) key: Option<String>,
    paths: Vec<Pattern>,
    models: Vec<Pattern>,
}

impl Targets {
    pub(crate) fn read(settings: &Settings) -> Result<Self, Problem> {
        let mut targets: Vec<Arc<Target>> = Vec::new();
        for (at, it) in settings.upstreams.iter().enumerate() {
            let (upstream, key) = it.resolve(&format!("upstreams[{at}]"))?;
            if let Some(key) = &key
                && HeaderValue::from_str(key).is_err()
            {
                let message =
                    "the variable's value is not one of a header: set it to the key alone";
                return Err(Problem::new(format!("upstreams[{at}].key_env"), message));
            }
            let patterns = |texts: &[String]| texts.iter().map(|text| Pattern::new(text)).collect();
            let paths: Vec<_> = it.paths.iter().map(|path| normal(path)).collect();
            if let Some(before) = targets.iter().position(|before| before.takes_all(&upstream)) {
                let message =
                    format!("upstreams[{before}] takes all of its requests: put this one before");
                return Err(Problem::new(format!("upstreams[{at}]"), message));
            }
            targets.push(Arc::new(Target {
                provider: provider(it.provider.as_deref(), &upstream),
                upstream,
                key,
                paths: patterns(&paths),
                models: patterns(&it.models),
            }));
        }
        // Last, for the requests that no other takes.
        if let Some(url) = &settings.upstream {
            let upstream: Upstream = url.parse().map_err(|it| Problem::new("upstream", it))?;
            if let Some(before) = targets.iter().position(|before| before.takes_all(&upstream)) {
                let message = format!("upstreams[{before}] takes all requests: leave one out");
                return Err(Problem::new("upstream", message));
            }
            targets.push(Arc::new(Target {
                provider: provider(settings.provider.as_deref(), &upstream),
                upstream,
                key: None,
                paths: Vec::new(),
                models: Vec::new(),
            }));
        }
        Ok(Self(targets))
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns the first upstream that takes a request, and the request, whose body may have been read for its model.
    /// Meanwhile the call is one of the service of [unrouted](crate::unrouted) ones. The error is a refusal.
    pub(crate) async fn choose(
        &self,
        request: Request,
        layered: &Router,
        models: &Models,
        uploads: &Arc<Uploads>,
    ) -> Result<(Option<Arc<Target>>, Request), Box<Response>> {
        // As the crate reads it for the events.
        let path = normal_path(request.uri());
        let candidates: Vec<_> = self.0.iter().filter(|target| target.takes(&path)).collect();
        if candidates.first().is_none_or(|target| target.models.is_empty()) {
            return Ok((candidates.first().copied().cloned(), request));
        }
        let of_model = |model: Option<&str>| {
            candidates.iter().find(|target| target.is_for(model)).copied().cloned()
        };
        if let Some(model) = models.in_path(request.method(), request.uri()) {
            return Ok((of_model(Some(&model)), request));
        }
        let unrouted = Unrouted::new(layered, &request);
        let (head, body) = request.into_parts();
        let (body, stopped) = uploads.read(body).await;
        let model = models.of(&head, &body.pieces()).await;
        if stopped == Stopped::Exhausted && model.is_none() {
            return Err(Box::new(unrouted.refuse(Refusal::NoRoom).await));
        }
        unrouted.routed();
        Ok((of_model(model.as_deref()), Request::from_parts(head, Body::new(body))))
    }
}

impl Target {
    /// Returns whether no request is left for an upstream after this one.
    fn takes_all(&self, after: &Upstream) -> bool {
        self.paths.is_empty() && self.models.is_empty() && self.upstream.takes(after.mount())
    }

    fn takes(&self, path: &str) -> bool {
        let is_named = self.paths.iter().any(|pattern| pattern.matches(path));
        self.upstream.takes(path) && (self.paths.is_empty() || is_named)
    }

    fn is_for(&self, model: Option<&str>) -> bool {
        let is_named = |model| self.models.iter().any(|pattern| pattern.matches(model));
        self.models.is_empty() || model.is_some_and(is_named)
    }
}

fn provider(name: Option<&str>, upstream: &Upstream) -> Option<Provider> {
    name.map(Provider::new).or_else(|| Provider::of_host(upstream.host()))
}

/// Returns the path of settings as requests are compared with it.
fn normal(path: &str) -> String {
    path.parse::<Uri>().map_or_else(|_| path.to_owned(), |uri| normal_path(&uri))
}
