from django.apps import AppConfig


class GetapiConfig(AppConfig):
    name = "getapi"
    verbose_name = "Packaging service"
