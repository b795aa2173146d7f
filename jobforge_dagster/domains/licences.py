"""Licences that several publishers use."""

from jobforge_dagster.medallion.declare import Licence

OPEN_GOVERNMENT = Licence(
    code="OGL-Canada-2.0",
    name="Open Government Licence - Canada",
    url="https://open.canada.ca/en/open-government-licence-canada",
)

STATISTICS_CANADA = Licence(
    code="StatCan-Open-Licence",
    name="Statistics Canada Open Licence",
    url="https://www.statcan.gc.ca/en/reference/licence",
)
