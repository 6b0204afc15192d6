"""Django OAuth Toolkit at LISTEN, with one client and one person in a database in FOLDER; all else is as it comes.

CLIENT_ID, CLIENT_SECRET: the client, whose base URL is APP. USER_NAME, PASSWORD: the person. RESPONSE_ISS: `1` to send
`iss` with codes (RFC 9207), which it does not by itself.
"""

import os
from pathlib import Path
from secrets import token_urlsafe

import django
from django.conf import settings
from django.core.management import call_command
from jwcrypto.jwk import JWK

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "oauth2_provider",
]


def main():
    listen = os.environ["LISTEN"]
    configure(listen, Path(os.environ["FOLDER"]))
    django.setup()
    call_command("migrate", verbosity=0)
    person = add_person(os.environ["USER_NAME"], os.environ["PASSWORD"])
    add_client(os.environ["CLIENT_ID"], os.environ["CLIENT_SECRET"], os.environ["APP"], person)
    call_command("runserver", listen, use_reloader=False)


def configure(listen, folder):
    settings.configure(
        DEBUG=True,
        SECRET_KEY=token_urlsafe(),
        ALLOWED_HOSTS=[listen.split(":")[0]],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": folder / "db.sqlite3"}},
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        INSTALLED_APPS=INSTALLED_APPS,
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.messages.middleware.MessageMiddleware",
        ],
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "APP_DIRS": True,
                "OPTIONS": {
                    "context_processors": [
                        "django.template.context_processors.request",
                        "django.contrib.auth.context_processors.auth",
                        "django.contrib.messages.context_processors.messages",
                    ],
                },
            },
        ],
        ROOT_URLCONF="urls",
        STATIC_URL="static/",
        USE_TZ=True,
        LOGIN_URL="/admin/login/",
        OAUTH2_PROVIDER={
            "OIDC_ENABLED": True,
            "OIDC_RP_INITIATED_LOGOUT_ENABLED": True,
            "OIDC_RSA_PRIVATE_KEY": JWK.generate(kty="RSA", size=2048).export_to_pem(True, None).decode(),
            "COMPLIANT_BCP_RFC9700_AUTHZ_RESPONSE_ISS": os.environ.get("RESPONSE_ISS") == "1",
            "OAUTH2_VALIDATOR_CLASS": "claims.Validator",
            "SCOPES": {"openid": "Know who you are", "profile": "See your name", "email": "See your e-mail address"},
        },
    )


def add_person(name, password):
    from django.contrib.auth.models import User

    # Django's one login page is that of its administration, which lets staff in.
    return User.objects.create_user(
        name, f"{name}@example.com", password, first_name=name, last_name="of the tests", is_staff=True
    )


def add_client(client_id, secret, app, person):
    from oauth2_provider.models import Application

    client = Application(
        client_id=client_id,
        client_secret=secret,
        name="An example",
        user=person,
        client_type=Application.CLIENT_CONFIDENTIAL,
        authorization_grant_type=Application.GRANT_AUTHORIZATION_CODE,
        algorithm=Application.RS256_ALGORITHM,
        redirect_uris=f"{app}/callback",
        post_logout_redirect_uris=f"{app}/logged-out",
    )
    client.full_clean()
    client.save()


main()
