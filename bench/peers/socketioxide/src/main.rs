//! socketioxide on axum: every message goes to everybody. With --redis, through its Redis adapter.
//!
//! As its documentation shows it: a layer over axum's router, served by axum; the adapter on the
//! redis crate's driver. Nagle's algorithm is off, which axum leaves to its user.

use std::error::Error;
use std::net::Ipv4Addr;

use axum::Router;
use axum::serve::ListenerExt as _;
use socketioxide::SocketIo;
use socketioxide::adapter::Adapter;
use socketioxide::extract::{AckSender, Data, SocketRef};
use socketioxide::layer::SocketIoLayer;
use socketioxide_redis::drivers::redis::redis_client as redis;
use socketioxide_redis::{RedisAdapter, RedisAdapterCtr};
use tokio::net::TcpListener;

const USAGE: &str = "usage: socketioxide-peer --port P [--redis URL]";

struct Options {
    port: u16,
    redis: Option<String>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let options = options(&args).ok_or(USAGE)?;
    let Some(url) = options.redis else {
        let (layer, io) = SocketIo::new_layer();
        io.ns("/", on_connect);
        return serve(options.port, layer).await;
    };
    let client = redis::Client::open(format!("{url}?protocol=resp3"))?;
    let adapter = RedisAdapterCtr::new_with_redis(&client).await?;
    let (layer, io) = SocketIo::builder().with_adapter::<RedisAdapter<_>>(adapter).build_layer();
    io.ns("/", on_connect).await?;
    serve(options.port, layer).await
}

fn options(args: &[String]) -> Option<Options> {
    let mut options = Options { port: 0, redis: None };
    for pair in args.chunks(2) {
        match pair {
            [name, value] if name == "--port" => options.port = value.parse().ok()?,
            [name, value] if name == "--redis" => options.redis = Some(value.clone()),
            _ => return None,
        }
    }
    Some(options)
}

async fn serve<A: Adapter>(port: u16, layer: SocketIoLayer<A>) -> Result<(), Box<dyn Error>> {
    let app = Router::new().layer(layer);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    println!("listening on {}", listener.local_addr()?.port());
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            eprintln!("set_nodelay: {error}");
        }
    });
    Ok(axum::serve(listener, app).await?)
}

async fn on_connect<A: Adapter>(socket: SocketRef<A>) {
    socket.on("chat message", on_message);
}

async fn on_message<A: Adapter>(io: SocketIo<A>, Data(text): Data<String>, ack: AckSender<A>) {
    if let Err(error) = io.emit("chat message", &text).await {
        eprintln!("emit: {error}");
    }
    if let Err(error) = ack.send("ok") {
        eprintln!("acknowledge: {error}");
    }
}
