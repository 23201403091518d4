//! An OTLP receiver on loopback, over gRPC and HTTP.

use std::sync::{Arc, Mutex};

use axum::{
    Router, body::Bytes, http::header::CONTENT_TYPE, response::IntoResponse, routing::post,
};
use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::{
            ExportLogsServiceRequest, ExportLogsServiceResponse,
            logs_service_server::{LogsService, LogsServiceServer},
        },
        metrics::v1::{
            ExportMetricsServiceRequest, ExportMetricsServiceResponse,
            metrics_service_server::{MetricsService, MetricsServiceServer},
        },
        trace::v1::{
            ExportTraceServiceRequest, ExportTraceServiceResponse,
            trace_service_server::{TraceService, TraceServiceServer},
        },
    },
    common::v1::{AnyValue, KeyValue, any_value::Value},
};
use prost::Message;
use tokio::net::TcpListener;
use tonic::{Request, Response, Status, service::Routes};

/// The received requests.
#[derive(Clone, Default)]
pub(crate) struct Receiver {
    traces: Arc<Mutex<Vec<ExportTraceServiceRequest>>>,
    metrics: Arc<Mutex<Vec<ExportMetricsServiceRequest>>>,
    logs: Arc<Mutex<Vec<ExportLogsServiceRequest>>>,
}

macro_rules! service {
    ($service:ident, $field:ident, $request:ident, $response:ident) => {
        #[tonic::async_trait]
        impl $service for Receiver {
            async fn export(
                &self,
                request: Request<$request>,
            ) -> Result<Response<$response>, Status> {
                self.$field.lock().unwrap().push(request.into_inner());
                Ok(Response::new($response::default()))
            }
        }
    };
}

service!(TraceService, traces, ExportTraceServiceRequest, ExportTraceServiceResponse);
service!(MetricsService, metrics, ExportMetricsServiceRequest, ExportMetricsServiceResponse);
service!(LogsService, logs, ExportLogsServiceRequest, ExportLogsServiceResponse);

impl Receiver {
    /// Serves gRPC and HTTP on one port. Returns its URL.
    pub(crate) async fn serve(&self) -> String {
        let grpc = Routes::new(TraceServiceServer::new(self.clone()))
            .add_service(MetricsServiceServer::new(self.clone()))
            .add_service(LogsServiceServer::new(self.clone()))
            .into_axum_router();
        macro_rules! plain {
            ($field:ident, $request:ident, $response:ident) => {{
                let receiver = self.clone();
                post(move |body: Bytes| async move {
                    let request = $request::decode(body).unwrap();
                    receiver.$field.lock().unwrap().push(request);
                    let answer = $response::default().encode_to_vec();
                    ([(CONTENT_TYPE, "application/x-protobuf")], answer).into_response()
                })
            }};
        }
        let http = Router::new()
            .route(
                "/v1/traces",
                plain!(traces, ExportTraceServiceRequest, ExportTraceServiceResponse),
            )
            .route(
                "/v1/metrics",
                plain!(metrics, ExportMetricsServiceRequest, ExportMetricsServiceResponse),
            )
            .route("/v1/logs", plain!(logs, ExportLogsServiceRequest, ExportLogsServiceResponse));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, http.merge(grpc)).await.unwrap() });
        url
    }

    /// The received spans.
    pub(crate) fn spans(&self) -> Vec<opentelemetry_proto::tonic::trace::v1::Span> {
        let all = self.traces.lock().unwrap();
        let resources = all.iter().flat_map(|request| &request.resource_spans);
        let scopes = resources.flat_map(|resource| &resource.scope_spans);
        scopes
            .flat_map(|scope| {
                assert_eq!(scope.scope.as_ref().unwrap().name, "tower-llm-callbacks");
                assert_eq!(scope.schema_url, "https://opentelemetry.io/schemas/1.41.1");
                scope.spans.clone()
            })
            .collect()
    }

    pub(crate) fn metrics(&self) -> Vec<opentelemetry_proto::tonic::metrics::v1::Metric> {
        let all = self.metrics.lock().unwrap();
        let resources = all.iter().flat_map(|request| &request.resource_metrics);
        let scopes = resources.flat_map(|resource| &resource.scope_metrics);
        scopes.flat_map(|scope| scope.metrics.clone()).collect()
    }

    pub(crate) fn logs(&self) -> Vec<opentelemetry_proto::tonic::logs::v1::LogRecord> {
        let all = self.logs.lock().unwrap();
        let resources = all.iter().flat_map(|request| &request.resource_logs);
        let scopes = resources.flat_map(|resource| &resource.scope_logs);
        scopes.flat_map(|scope| scope.log_records.clone()).collect()
    }
}

pub(crate) fn value<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a Value> {
    let found = attributes.iter().find(|attribute| attribute.key == key)?;
    let AnyValue { value } = found.value.as_ref()?;
    value.as_ref()
}

pub(crate) fn text(text: &str) -> Value {
    Value::StringValue(text.to_owned())
}
