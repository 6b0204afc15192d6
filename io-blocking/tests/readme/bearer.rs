use oidc_blocking::{Oidc, rouille::Visitor};
use rouille::{Request, Response};

fn api() -> Result<impl Fn(&Request) -> Response, Box<dyn std::error::Error>> {
    let oidc = Oidc::bearer("https://issuer.example", "my-api")?;
    let whoami = |caller: Visitor| Ok(Response::text(caller.required()?.sub()));
    Ok(move |request: &Request| oidc.protect(request, whoami))
}
