from django.apps import AppConfig


class GetapiConfig(AppConfig):
    name = "getapi"
    verbose_name = "Packaging service"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from getapi import checks

        checks.register_all()
