//! rig's trait of HTTP clients, for a service with callbacks. It is no feature of the crate, since the trait changes with rig's
//! versions. With rig's feature `reqwest-middleware`, a `CallbackMiddleware` takes the place of this file.

use std::{future::Future, pin::Pin};

use bytes::Bytes;
use futures::TryStreamExt;
use http::{HeaderValue, Request, Response, header};
use http_body_util::{BodyDataStream, BodyExt, Full};
use hyper::body::Incoming;
use rig_core::{
    http_client::{Error, HttpClientExt, LazyBody, MultipartForm, Result, StreamingResponse},
    wasm_compat::{WasmCompatSend, WasmCompatSendStream},
};
use tower_llm_callbacks::{
    http_layer::{HttpCallbackService, RequestBody, ResponseBody},
    model::HttpClient,
};

/// The crate's HTTP client with callbacks, as rig's.
#[derive(Debug, Clone)]
pub(crate) struct RigClient(pub(crate) HttpCallbackService<HttpClient<RequestBody<Full<Bytes>>>>);

/// Makes a call. A response that is no success is an error with its body.
async fn call(
    client: RigClient,
    request: Request<Bytes>,
) -> Result<Response<ResponseBody<Incoming>>> {
    let response = client.0.oneshot(request.map(Full::new)).await.map_err(Error::instance)?;
    if response.status().is_success() {
        return Ok(response);
    }
    let (head, body) = response.into_parts();
    let text = String::from_utf8_lossy(&read(body).await?).into_owned();
    Err(Error::non_success_with_details(head.status, head.headers, text))
}

async fn read(body: ResponseBody<Incoming>) -> Result<Bytes> {
    Ok(body.collect().await.map_err(Error::Instance)?.to_bytes())
}

impl HttpClientExt for RigClient {
    fn send<T, U>(
        &self,
        request: Request<T>,
    ) -> impl Future<Output = Result<Response<LazyBody<U>>>> + WasmCompatSend + 'static
    where
        T: Into<Bytes> + WasmCompatSend,
        U: From<Bytes> + WasmCompatSend + 'static,
    {
        let response = call(self.clone(), request.map(Into::into));
        async move {
            let body = |body| -> LazyBody<U> { Box::pin(async { Ok(read(body).await?.into()) }) };
            Ok(response.await?.map(body))
        }
    }

    fn send_multipart<U>(
        &self,
        request: Request<MultipartForm>,
    ) -> impl Future<Output = Result<Response<LazyBody<U>>>> + WasmCompatSend + 'static
    where
        U: From<Bytes> + WasmCompatSend + 'static,
    {
        let (mut head, form) = request.into_parts();
        let (boundary, body) = form.encode();
        let content_type = format!("multipart/form-data; boundary={boundary}");
        let client = self.clone();
        async move {
            head.headers.insert(header::CONTENT_TYPE, HeaderValue::try_from(content_type)?);
            client.send(Request::from_parts(head, body)).await
        }
    }

    fn send_streaming<T>(
        &self,
        request: Request<T>,
    ) -> impl Future<Output = Result<StreamingResponse>> + WasmCompatSend
    where
        T: Into<Bytes> + WasmCompatSend,
    {
        let response = call(self.clone(), request.map(Into::into));
        async move {
            let (head, body) = response.await?.into_parts();
            let bytes: Pin<Box<dyn WasmCompatSendStream<InnerItem = Result<Bytes>>>> =
                Box::pin(BodyDataStream::new(body).map_err(Error::Instance));
            Ok(Response::from_parts(head, bytes))
        }
    }
}
