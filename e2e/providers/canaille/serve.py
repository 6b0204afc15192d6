"""Canaille at LISTEN, with one client and one person in memory; all else is as it comes.

CLIENT_ID, CLIENT_SECRET: the client, whose base URL is APP. USER_NAME, PASSWORD: the person.
"""

import os
from secrets import token_urlsafe

from canaille import create_app
from canaille.app import models
from canaille.backends import Backend
from werkzeug.serving import run_simple


def main():
    listen = os.environ["LISTEN"]
    app = create_app(
        {
            "SECRET_KEY": token_urlsafe(),
            # Else the issuer is what the Host header says.
            "SERVER_NAME": listen,
            "PREFERRED_URL_SCHEME": "http",
        }
    )
    with app.app_context(), Backend.instance.session():
        add_person(os.environ["USER_NAME"], os.environ["PASSWORD"])
        add_client(os.environ["CLIENT_ID"], os.environ["CLIENT_SECRET"], os.environ["APP"])
    host, port = listen.split(":")
    run_simple(host, int(port), app, threaded=True)


def add_person(name, password):
    person = models.User(
        user_name=name,
        password=password,
        formatted_name=f"{name} of the tests",
        family_name="tests",
        emails=[f"{name}@example.com"],
    )
    Backend.instance.save(person)


def add_client(client_id, secret, app):
    client = models.Client(
        client_id=client_id,
        client_secret=secret,
        client_name="An example",
        token_endpoint_auth_method="client_secret_basic",
        grant_types=["authorization_code"],
        response_types=["code"],
        # Left out, RS256 is meant (OpenID Connect Registration, section 2), but it signs by RS512 then.
        id_token_signed_response_alg="RS256",
        scope=["openid", "profile", "email"],
        redirect_uris=[f"{app}/callback"],
        post_logout_redirect_uris=[f"{app}/logged-out"],
    )
    Backend.instance.save(client)
    client.audience = [client]
    Backend.instance.save(client)


main()
