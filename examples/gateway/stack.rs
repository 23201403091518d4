use std::sync::Arc;

use axum::{Router, extract::Request, middleware, response::Response};
use tower::ServiceExt;
use tower_llm_callbacks::{ContentCapture, HttpCallbackLayer, RunConfig};

use crate::{
    body_limits::BodyLimits,
    budgets::Budgets,
    clients::Clients,
    config::Settings,
    models::Models,
    proxy, refuse,
    targets::Targets,
    tenants::Tenants,
    unrouted::{self, Refusal, Unrouted, refused},
    uploads::Uploads,
    upstream_error::count_refusal,
};

/// What serves requests by one state of the settings. A request keeps the one that it came to.
pub(crate) struct Stack {
    tenants: Option<Tenants>,
    /// What each tenant's calls get, by the tenant's number.
    callers: Vec<Caller>,
    /// Without tenants, how all calls are served.
    any: usize,
    targets: Targets,
    models: Models,
    uploads: Arc<Uploads>,
    is_simulated: bool,
    limits: BodyLimits,
    /// One for each level of content, each with a layer of its own.
    services: Vec<Services>,
}

struct Services {
    calls: Router,
    /// Of calls whose clients leave before it is known where they go.
    unrouted: Router,
}

struct Caller {
    config: RunConfig,
    service: usize,
}

impl Stack {
    pub(crate) fn new(
        settings: &Settings,
        (tenants, targets): (Tenants, Targets),
        budgets: &Budgets,
        layer: &HttpCallbackLayer,
        clients: &Clients,
        uploads: &Arc<Uploads>,
    ) -> Self {
        let mut levels = Vec::<ContentCapture>::new();
        let mut level = |content| {
            let known = levels.iter().position(|level| *level == content);
            known.unwrap_or_else(|| {
                levels.push(content);
                levels.len() - 1
            })
        };
        let any = level(settings.content.map(|content| content.0).unwrap_or_default());
        let callers = tenants.all.iter().map(|tenant| {
            let config = RunConfig::new().metadata("tenant", tenant.name.as_str());
            let config = match budgets.guard(&tenant.name) {
                Some(guard) => config.callbacks(guard),
                None => config,
            };
            Caller { config, service: level(tenant.content) }
        });
        let callers = callers.collect();
        let is_simulated = targets.len() == 0;
        let app = match is_simulated {
            true => simulated::provider(settings.pace()),
            false => proxy::router(clients.clone()),
        };
        let app = app.layer(middleware::from_fn(refuse::sockets_and_tunnels));
        let observed = |app: Router, content: &ContentCapture| match settings.no_callbacks {
            true => app,
            false => app.layer(layer.clone().content(*content)),
        };
        let services = levels.iter().map(|content| Services {
            calls: observed(app.clone(), content),
            unrouted: observed(unrouted::service(), content),
        });
        let services = services.collect();
        let tenants = Some(tenants).filter(|tenants| !tenants.all.is_empty());
        let limits = BodyLimits::new(&settings.limits);
        Self {
            tenants,
            callers,
            any,
            targets,
            models: Models::new(settings),
            uploads: Arc::clone(uploads),
            is_simulated,
            limits,
            services,
        }
    }

    /// Returns how many upstreams there are, unless the provider is simulated.
    pub(crate) fn upstreams(&self) -> Option<usize> {
        (!self.is_simulated).then(|| self.targets.len())
    }

    pub(crate) async fn call(&self, mut request: Request) -> Response {
        // Outside of the layer: a request without a key is no call.
        let mut services = &self.services[self.any];
        if let Some(tenants) = &self.tenants {
            match tenants.identify(&request) {
                Ok(tenant) => {
                    let caller = &self.callers[tenant];
                    // The run has the tenant's name and budget, whatever its handlers.
                    request.extensions_mut().insert(caller.config.clone());
                    services = &self.services[caller.service];
                }
                Err(response) => {
                    count_refusal("key");
                    return *response;
                }
            }
        }
        request = match self.limits.apply(request) {
            Ok(request) => request,
            Err(request) => {
                return Unrouted::new(&services.unrouted, &request).refuse(Refusal::TooLarge).await;
            }
        };
        if !self.is_simulated {
            let chosen =
                self.targets.choose(request, &services.unrouted, &self.models, &self.uploads).await;
            let (target, chosen) = match chosen {
                Ok(chosen) => chosen,
                Err(refused) => return *refused,
            };
            request = chosen;
            let Some(target) = target else {
                return refused(&services.unrouted, request, Refusal::NoUpstream).await;
            };
            if let Some(provider) = &target.provider {
                request.extensions_mut().insert(provider.clone());
            }
            request.extensions_mut().insert(target);
        }
        match services.calls.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
}
