use oidc_blocking::Oidc;
use rouille::Response;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let oidc = Oidc::from_env()?;
    rouille::start_server("127.0.0.1:3000", move |request| {
        oidc.protect(request, |visitor| {
            let me = visitor.required()?;
            Ok(Response::text(format!("Hello, {}", me.sub())))
        })
    })
}
